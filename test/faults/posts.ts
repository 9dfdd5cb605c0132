import { isAxiosError } from 'axios';
import { createHttpClient, type HttpClient } from '../../src/runtime/outbound-http.ts';

/** What posts to the program, and notes each answer that a correct program never gives. */
export interface Poster {
  http: HttpClient;
  /** Nothing but 2xx and a 503 with its reason in JSON, and neither late. A connection that breaks is the faults' doing. */
  odd: string[];
  /** Answers by status; 0 for none. */
  statuses: Map<number, number>;
}

/** On a busy machine a commit takes its time; what takes longer than this hangs. */
const lateMs = 20_000;

export function startPoster(): Poster {
  const http = createHttpClient({ timeoutMs: 30_000, allowPrivateTargets: true });
  const odd: string[] = [];
  const statuses = new Map<number, number>();
  const begun = new WeakMap<object, number>();
  const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const look = (config: object | undefined, what: string) => {
    const ms = performance.now() - ((config && begun.get(config)) ?? performance.now());
    if (ms > lateMs) odd.push(`${what} after ${Math.round(ms)} ms, at ${new Date().toISOString()}`);
  };

  http.interceptors.request.use((config) => {
    begun.set(config, performance.now());
    return config;
  });
  http.interceptors.response.use(
    (response) => {
      const { status, data, config } = response;
      const what = `${config.method} ${new URL(config.url ?? '').pathname}: ${status} ${String(data).slice(0, 200)}`;
      count(status);
      look(config, what);
      if ((status < 200 || status >= 300) && !(status === 503 && saysWhy(data))) odd.push(what);
      return response;
    },
    (error: unknown) => {
      count(0);
      if (isAxiosError(error)) look(error.config, `${error.config?.url}: no answer (${error.code})`);
      throw error;
    },
  );
  return { http, odd, statuses };
}

/** An error of the program says what it is; `/readyz` says which check failed. */
function saysWhy(data: unknown): boolean {
  try {
    const body = JSON.parse(String(data)) as { error?: { code?: string }; checks?: object };
    return typeof body.error?.code === 'string' || typeof body.checks === 'object';
  } catch {
    // Not JSON: it says nothing to a program.
    return false;
  }
}

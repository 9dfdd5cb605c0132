import { isAxiosError } from 'axios';
import { createHttpClient, type HttpClient } from '../../src/runtime/outbound-http.ts';

/** What posts to the program, and notes each answer that a correct program never gives. */
export interface Poster {
  http: HttpClient;
  /** Nothing but 2xx and a 503 with its reason in JSON, and neither late. A connection that breaks is the faults' doing. */
  unexpected: string[];
  /** Answers by status; 0 for none. */
  statuses: Map<number, number>;
}

/** On a busy machine a commit takes its time; what takes longer than this hangs. */
const maxResponseMs = 20_000;

export function createPoster(): Poster {
  const http = createHttpClient({ timeoutMs: 30_000, allowPrivateTargets: true });
  const unexpected: string[] = [];
  const statuses = new Map<number, number>();
  const startedAt = new WeakMap<object, number>();
  const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const checkDuration = (config: object | undefined, description: string) => {
    const ms = performance.now() - ((config && startedAt.get(config)) ?? performance.now());
    if (ms > maxResponseMs) unexpected.push(`${description} after ${Math.round(ms)} ms, at ${new Date().toISOString()}`);
  };

  http.interceptors.request.use((config) => {
    startedAt.set(config, performance.now());
    return config;
  });
  http.interceptors.response.use(
    (response) => {
      const { status, data, config } = response;
      const description = `${config.method} ${new URL(config.url ?? '').pathname}: ${status} ${String(data).slice(0, 200)}`;
      count(status);
      checkDuration(config, description);
      if ((status < 200 || status >= 300) && !(status === 503 && hasReason(data))) unexpected.push(description);
      return response;
    },
    (error: unknown) => {
      count(0);
      if (isAxiosError(error)) checkDuration(error.config, `${error.config?.url}: no answer (${error.code})`);
      throw error;
    },
  );
  return { http, unexpected, statuses };
}

/** An error of the program says what it is; `/readyz` says which check failed. */
function hasReason(data: unknown): boolean {
  try {
    const body = JSON.parse(String(data)) as { error?: { code?: string }; checks?: object };
    return typeof body.error?.code === 'string' || typeof body.checks === 'object';
  } catch {
    // Not JSON: it says nothing to a program.
    return false;
  }
}

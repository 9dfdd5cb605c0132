import { isAxiosError } from 'axios';
import { createHttpClient, type HttpClient } from '../../src/runtime/outbound-http.ts';

/** Client of the program that records each response that a correct program never gives. */
export interface Poster {
  http: HttpClient;
  /** Late responses, and all but a 2xx and a 503 with its reason in JSON. Broken connections come from the faults and do not count. */
  unexpected: string[];
  /** Responses by status; 0 for a request without a response. */
  statuses: Map<number, number>;
}

/** Limit of a response: a commit is slow on a busy machine; a longer request hangs. */
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
      if (isAxiosError(error)) checkDuration(error.config, `${error.config?.url}: no response (${error.code})`);
      throw error;
    },
  );
  return { http, unexpected, statuses };
}

/** Returns true for an error of the program with its code, and for the checks of `/readyz`. */
function hasReason(data: unknown): boolean {
  try {
    const body = JSON.parse(String(data)) as { error?: { code?: string }; checks?: object };
    return typeof body.error?.code === 'string' || typeof body.checks === 'object';
  } catch {
    // Not JSON: a client cannot read the reason.
    return false;
  }
}

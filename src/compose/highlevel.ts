import { createHighLevelClient, type HighLevel, type HighLevelCall, type HighLevelDeps } from '../highlevel/client.ts';
import type { HighLevelResponse } from '../highlevel/response.ts';
import { findUser } from '../highlevel/users.ts';
import { createRateLimitFeedback } from '../installations/rate-limit-feedback.ts';
import { createHttpClient, type HttpClient } from '../runtime/outbound-http.ts';
import type { Tracing } from '../runtime/tracing.ts';
import { type ArgumentsOf, bindAll } from './bind.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Calls to HighLevel. */
export interface HighLevelCapability {
  /** Calls with the token of an installation. */
  highLevel: HighLevel;
  /** Calls without a token of ours: the exchange of codes and refresh tokens. */
  highLevelHttp: HttpClient;
  findUser(...args: ArgumentsOf<typeof findUser>): ReturnType<typeof findUser>;
}

const highLevelTimeoutMs = 10_000;

/**
 * Composes the HighLevel client. Tokens are needed to call HighLevel, and some calls return tokens: so installations are looked up with
 * the first call.
 */
export function composeHighLevel(
  runtime: Pick<Runtime, 'db' | 'clock' | 'log' | 'jitter' | 'metrics' | 'tracing'>,
  { apiUrl }: Pick<CapabilityOptions, 'apiUrl'>,
  getInstallations: () => Pick<HighLevelDeps, 'tokens' | 'permissions'>,
): HighLevelCapability {
  const { log, metrics, tracing } = runtime;
  // The operator sets HighLevel's address, not a user: no guard.
  const http = createHttpClient({ baseURL: apiUrl, timeoutMs: highLevelTimeoutMs, allowPrivateTargets: true });
  const recordRateLimits = createRateLimitFeedback(runtime);

  async function onResponse(call: HighLevelCall, response: HighLevelResponse | null): Promise<void> {
    metrics.highLevelRequests.inc({ operation: call.operation, status: String(response?.status ?? 0) });
    if (call.operation === 'updateMessageStatus' || call.operation === 'updateEmailStatus') {
      metrics.reports.inc({ outcome: response && response.status < 300 ? 'accepted' : 'rejected' });
    }
    log.debug(
      { operation: call.operation, status: response?.status, highlevelTraceId: response?.traceId },
      'HighLevel responded',
    );
    // HighLevel has carried out the call: if a failure here failed it, it would be made again.
    await recordRateLimits(call.owner, response).catch((error: unknown) =>
      log.warn({ err: error }, 'HighLevel’s rate limit headers could not be stored'),
    );
  }

  let client: HighLevel | undefined;
  const highLevel: HighLevel = (call) => {
    client ??= traceRequests(createHighLevelClient({ ...getInstallations(), http, onResponse }), tracing);
    return client(call);
  };
  return { highLevel, highLevelHttp: http, ...bindAll(highLevel, { findUser }) };
}

/** Wraps the client in spans, where there is a collector. */
function traceRequests(client: HighLevel, tracing: Tracing | undefined): HighLevel {
  if (!tracing) return client;
  return (call) => tracing.traceRequest('highlevel', { 'patchbay.operation': call.operation }, () => client(call));
}

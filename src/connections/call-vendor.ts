import type { ChannelContext, ChannelState } from '../channels/channel.ts';
import { type Clock, createDeadline } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { toRequestFailure } from '../runtime/outbound-http.ts';
import type { CreateChannelContext } from './channel-context.ts';
import type { Connection } from './connection.ts';
import { redactSecrets } from './redact-secrets.ts';

export interface CallVendorDeps {
  clock: Clock;
  log: Log;
  createChannelContext: CreateChannelContext;
}

export interface CallOptions {
  timeoutMs: number;
  /** State of a connection that is not stored yet. */
  state?: ChannelState | undefined;
}

/**
 * Calls a connection's vendor within a time limit, also where the channel ignores its signal.
 *
 * @throws AppError `vendor_unavailable`: no response in time, or none at all; the channel's own errors pass, without secrets
 */
export async function callVendor<Result>(
  { clock, log, createChannelContext }: CallVendorDeps,
  connection: Connection,
  { timeoutMs, state }: CallOptions,
  call: (context: ChannelContext<object>) => Promise<Result>,
): Promise<Result> {
  const deadline = createDeadline(clock, timeoutMs);
  const context = createChannelContext(connection, deadline.signal);
  const timedOut = new Promise<never>((_resolve, reject) => {
    deadline.signal.addEventListener('abort', () => reject(createUnavailableError(connection, 'no response in time')));
  });
  // An async function, so that a channel that throws at once is treated in the same way.
  const run = async () => call(state ? { ...context, state } : context);
  try {
    return await Promise.race([run(), timedOut]);
  } catch (error) {
    if (isAppError(error, 'vendor_unavailable', 'connection_rejected', 'not_found', 'secret_unreadable')) {
      throw new AppError(error.code, redactSecrets(connection, error.message), { details: error.details });
    }
    throw createUnavailableError(connection, describeError(log, connection, error));
  } finally {
    deadline.dispose();
  }
}

/** Describes a failure without the request, whose address may contain a secret. */
function describeError(log: Log, { id, channel }: Connection, error: unknown): string {
  try {
    return toRequestFailure(error).message;
  } catch {
    log.error({ err: error, connectionId: id, channel: channel.type }, 'a call to a vendor failed by a defect of its channel');
    return 'the channel failed';
  }
}

function createUnavailableError(connection: Connection, reason: string): AppError {
  const message = `${connection.channel.title} could not be reached: ${redactSecrets(connection, reason)}.`;
  return new AppError('vendor_unavailable', message);
}

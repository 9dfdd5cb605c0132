import { isAppError } from '../core/errors.ts';
import { type CallVendorDeps, callVendor } from './call-vendor.ts';
import type { Connection } from './connection.ts';

const unregisterTimeoutMs = 5_000;

/** Removes our webhook addresses from the vendor. Best effort: its failure must not prevent a user from disconnecting. */
export async function unregisterWebhooks(deps: CallVendorDeps, connection: Connection): Promise<void> {
  const { setup, type } = connection.channel;
  if (!setup?.unregisterWebhooks) return;
  const call = setup.unregisterWebhooks.bind(setup);
  try {
    await callVendor(deps, connection, { timeoutMs: unregisterTimeoutMs }, call);
  } catch (error) {
    if (!isAppError(error)) throw error;
    const reason = { code: error.code, message: error.message };
    deps.log.warn({ connectionId: connection.id, channel: type, reason }, 'the webhooks of a connection stay at its vendor');
  }
}

import type { Finding, Pairing, Sender, Template } from '../channels/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { createTimedCache } from '../runtime/timed-cache.ts';
import { type CallVendorDeps, callVendor } from './call-vendor.ts';
import type { CreateChannelContext } from './channel-context.ts';
import type { Connection } from './connection.ts';
import { resumeConnection } from './hold.ts';

const timeoutMs = 15_000;

/**
 * Asks the vendor for the pairing of a connection. A finished one lets its messages be sent.
 *
 * @throws AppError `not_found`: the channel has none; `vendor_unavailable`
 */
export async function getPairing(
  deps: CallVendorDeps & { db: Database; newId: NewId },
  connection: Connection,
): Promise<Pairing> {
  const { setup, title } = connection.channel;
  const call = setup?.getPairing?.bind(setup);
  if (!call) throw new AppError('not_found', `${title} needs no pairing.`);
  const pairing = await callVendor(deps, connection, { timeoutMs }, call);
  if (pairing.status === 'paired' && connection.status === 'pairing') await resumeConnection(deps, connection, 'patchbay');
  return pairing;
}

/** Lists the numbers or addresses that the account can send from. @throws AppError as {@link getPairing} */
export async function listSenders(deps: CallVendorDeps, connection: Connection): Promise<readonly Sender[]> {
  const { setup, title } = connection.channel;
  const call = setup?.listSenders?.bind(setup);
  if (!call) throw new AppError('not_found', `${title} does not list its senders.`);
  return callVendor(deps, connection, { timeoutMs }, call);
}

/** Time for which a sender of an account is looked up without asking the vendor again. */
const senderLookUpTtlMs = 10 * 60_000;

/** Creates a reader of the vendors' senders that asks each no more often than every ten minutes, also after a failure. */
export function createSenderLookUp(
  clock: Pick<Clock, 'now'>,
  list: (connection: Connection) => Promise<readonly Sender[]>,
): (connection: Connection) => Promise<readonly Sender[]> {
  const cache = createTimedCache<readonly Sender[]>(clock, senderLookUpTtlMs);
  return (connection) => cache(`${connection.id}/${connection.updatedAt.getTime()}`, () => list(connection));
}

/** Lists the approved templates of the account. @throws AppError as {@link getPairing} */
export async function listTemplates(deps: CallVendorDeps, connection: Connection): Promise<readonly Template[]> {
  const { setup, title } = connection.channel;
  const call = setup?.listTemplates?.bind(setup);
  if (!call) throw new AppError('not_found', `${title} has no templates.`);
  return callVendor(deps, connection, { timeoutMs }, call);
}

/** Lists what a connection's session has learned about its vendor. */
export async function listFindings(
  deps: { createChannelContext: CreateChannelContext },
  connection: Connection,
): Promise<readonly Finding[]> {
  const { session } = connection.channel;
  if (!session?.listFindings) return [];
  const { state } = deps.createChannelContext(connection, new AbortController().signal);
  return session.listFindings(connection.config, await state.get());
}

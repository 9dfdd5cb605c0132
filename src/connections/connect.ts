import { isDeepStrictEqual } from 'node:util';
import type * as z from 'zod';
import type { Actor } from '../audit/audit-log.ts';
import type { Channel, ConfigProblem } from '../channels/channel.ts';
import { deliverySettings } from '../channels/delivery-settings.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import type { CallVendorDeps } from './call-vendor.ts';
import { type CheckConfigDeps, type ConfigInput, checkConfig } from './check-config.ts';
import type { Connection, ConnectionRef, ConnectionTarget } from './connection.ts';
import { createDraftState } from './draft-state.ts';
import { decryptIfPossible, findTargetRow } from './find.ts';
import { type ConnectionPlace, type StoreConnectionDeps, storeConnection } from './store-connection.ts';
import { unregisterWebhooks } from './unregister-webhooks.ts';
import { type Verification, verifyConnection } from './verify.ts';

export interface ConnectDeps extends CheckConfigDeps, CallVendorDeps, StoreConnectionDeps {
  db: Database;
  newId: NewId;
  channels: Channels;
  decryptConnection(row: ConnectionRow): Connection;
  draftConnection(draft: { id: string; ref: ConnectionRef; channel: Channel; config: object }): Connection;
}

export interface ConnectOptions {
  /** Asks the vendor first, unless false. */
  verify?: boolean;
  /** Name and rank of a new connection. */
  place?: ConnectionPlace;
  /** zod's messages in the reader's language. */
  errorMap?: z.core.$ZodErrorMap;
}

export type ConnectResult =
  /** `warnings`: facts about the account, of the vendor. */
  | { kind: 'connected'; connection: Connection; warnings: readonly string[] }
  | { kind: 'invalid'; issues: readonly z.core.$ZodIssue[] }
  | { kind: 'rejected'; problems: readonly ConfigProblem[] }
  | { kind: 'unavailable'; message: string; field?: string };

/**
 * Connects a channel, or changes the connected one, once its vendor accepts the config. Omitted secret fields retain their stored value, as
 * the API never returns them. Where only the settings of sending change, the vendor is not asked.
 *
 * @throws AppError `request_invalid`: no such channel type
 */
export async function tryConnect(
  deps: ConnectDeps,
  target: ConnectionTarget,
  input: ConfigInput,
  actor: Actor,
  { verify = true, errorMap, place }: ConnectOptions = {},
): Promise<ConnectResult> {
  const channel = getChannel(deps.channels, input.type);
  const checked = await checkConfig(deps, target, input, errorMap);
  if ('issues' in checked) return { kind: 'invalid', issues: checked.issues };
  const { config } = checked;
  const { locationId, providerKey, connectionId } = target;
  const ref = { locationId, providerKey };
  const row = await findTargetRow(deps.db.client, target);
  // A config that this process can't read is replaced as a whole.
  const before = row && decryptIfPossible(deps.decryptConnection, row);
  if (before && row.disabledAt === null && keepsOwnConfig(before, channel, config, verify)) {
    const connection = await storeConnection(deps, { id: row.id, target, channel, config, actor, verified: null, place });
    return { kind: 'connected', connection, warnings: [] };
  }

  const id = row?.id ?? connectionId ?? deps.newId();
  const draft = deps.draftConnection({ id, ref, channel, config });
  const { signal } = new AbortController();
  const state = createDraftState(row?.type === channel.type ? deps.createChannelContext(draft, signal).state : null);
  const verification = verify ? await verifyConnection(deps, draft, state) : null;
  if (verification?.kind === 'rejected') return verification;
  if (verification?.kind === 'verified' && verification.problems.length > 0) {
    return { kind: 'rejected', problems: verification.problems };
  }
  if (verification?.kind === 'unavailable') {
    const { kind, message, field } = verification;
    return { kind, message, ...(field === undefined ? {} : { field }) };
  }

  if (before && isOtherAccount(before, channel, verification)) await unregisterWebhooks(deps, before);
  const verified = {
    account: verification?.account ?? null,
    isPaired: verification?.isPaired ?? true,
    draft: state.getDraft(),
  };
  const connection = await storeConnection(deps, { id, target, channel, config, actor, verified, place });
  return { kind: 'connected', connection, warnings: verification?.warnings ?? [] };
}

/**
 * Connects a channel as {@link tryConnect} does.
 *
 * @throws AppError `request_invalid`, `connection_rejected`, with every problem of the config
 */
export async function connect(...parameters: Parameters<typeof tryConnect>) {
  const [deps, , { type }] = parameters;
  const result = await tryConnect(...parameters);
  const { title } = getChannel(deps.channels, type);
  switch (result.kind) {
    case 'connected':
      return result;
    case 'invalid':
      throw new AppError('request_invalid', `The config is not valid for a ${title}.`, {
        details: result.issues.map((issue) => `${['config', ...issue.path].join('.')}: ${issue.message}`),
      });
    case 'rejected':
      throw new AppError('connection_rejected', `${title} does not accept this config.`, {
        details: result.problems.map(({ field, message }) => `${field ? `config.${field}` : 'config'}: ${message}`),
      });
    case 'unavailable':
      throw new AppError(
        'connection_rejected',
        `The config could not be verified: ${result.message} With verify=false it is stored without asking the vendor.`,
        result.field === undefined ? {} : { details: [`config.${result.field}: ${result.message}`] },
      );
  }
}

/**
 * Returns whether the vendor has no say in a change: only settings of sending differ. A config that is submitted again unchanged is verified
 * again, unless the caller asks not to: the vendor may accept it now.
 */
function keepsOwnConfig(before: Connection, channel: Channel, config: object, verify: boolean): boolean {
  // The stored form has no undefined values.
  const pick = (from: object, isDelivery: boolean) =>
    Object.fromEntries(
      Object.entries(from).filter(([name, value]) => value !== undefined && name in deliverySettings === isDelivery),
    );
  return (
    before.channel.type === channel.type &&
    isDeepStrictEqual(pick(before.config, false), pick(config, false)) &&
    (!verify || !isDeepStrictEqual(pick(before.config, true), pick(config, true)))
  );
}

/** The same account keeps its webhooks: without them its inbound messages would be lost. */
function isOtherAccount(
  before: Connection,
  channel: Channel,
  verification: Extract<Verification, { kind: 'verified' }> | null,
): boolean {
  if (before.channel.type !== channel.type) return true;
  return before.account !== null && verification !== null && before.account !== verification.account;
}

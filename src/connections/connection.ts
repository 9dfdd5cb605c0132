import type { Capabilities, Channel, ChannelConnection } from '../channels/channel.ts';
import { findSecretFields, omitSecrets } from '../channels/config-schema.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow } from '../database/client.ts';
import { configAad, decryptPreviousConfig } from './sealed-config.ts';

/** The location and the provider that a connection belongs to. */
export interface ConnectionRef {
  readonly locationId: string;
  readonly providerKey: string;
}

/** A connection that is to be changed: the one with this id, which may be reserved for a new one, else the provider's default. */
export interface ConnectionTarget extends ConnectionRef {
  readonly connectionId?: string | undefined;
}

/** Columns that a connection shows as they are stored. */
type PlainRow = Pick<
  ConnectionRow,
  | 'id'
  | 'locationId'
  | 'providerKey'
  | 'name'
  | 'position'
  | 'isDefault'
  | 'hasOwnGroup'
  | 'pausedAt'
  | 'status'
  | 'statusCode'
  | 'statusReason'
  | 'account'
  | 'webhooksStatus'
  | 'webhooksDetails'
  | 'createdAt'
  | 'updatedAt'
>;

/** A location's configured channel for one provider, decrypted and ready to use. */
export interface Connection extends ChannelConnection<object> {
  readonly locationId: string;
  readonly providerKey: string;
  /** For people; null for the name of its account or channel. */
  readonly name: string | null;
  /** Place in the order of the provider's connections. */
  readonly position: number;
  /** It carries what no rule sends elsewhere. */
  readonly isDefault: boolean;
  readonly hasOwnGroup: boolean;
  /** Time at which a person paused it. */
  readonly pausedAt: Date | null;
  readonly channel: Channel;
  /** Those of its channel with this config. */
  readonly capabilities: Capabilities;
  readonly status: ConnectionRow['status'];
  /** Why it is held, for a person. */
  readonly statusReason: { code: string; message: string } | null;
  /** The vendor's name for the account. */
  readonly account: string | null;
  /** Result of the registration of its webhooks with the vendor. */
  readonly webhookRegistration: { status: string; details: string | null } | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface DecryptConnectionDeps {
  box: SecretBox;
  clock: Clock;
  channels: Channels;
  /** Our public address, without a slash at its end. */
  appUrl: string;
}

/**
 * Decrypts a stored connection.
 *
 * @throws AppError `request_invalid`: this process has no such channel; `secret_unreadable`
 */
export function decryptConnection({ box, clock, channels, appUrl }: DecryptConnectionDeps, row: ConnectionRow): Connection {
  const channel = getChannel(channels, row.type);
  const config = JSON.parse(box.open(row.config, configAad(row.id)));
  return toConnection(appUrl, channel, row, { config, previousConfig: decryptPreviousConfig({ box, clock }, row) });
}

/** Creates a connection that is not stored, so that its vendor can be asked about the config first. */
export function draftConnection(
  { appUrl, clock }: Pick<DecryptConnectionDeps, 'appUrl' | 'clock'>,
  { id, ref, channel, config }: { id: string; ref: ConnectionRef; channel: Channel; config: object },
): Connection {
  const now = dateNow(clock);
  const place = { name: null, position: 0, isDefault: false, hasOwnGroup: false, pausedAt: null };
  const blank = { ...place, status: 'active', statusCode: null, statusReason: null, account: null } as const;
  const row = { ...blank, ...ref, id, webhooksStatus: null, webhooksDetails: null, createdAt: now, updatedAt: now };
  return toConnection(appUrl, channel, row, { config, previousConfig: undefined });
}

function toConnection(
  appUrl: string,
  channel: Channel,
  row: PlainRow,
  { config, previousConfig }: Pick<Connection, 'config' | 'previousConfig'>,
): Connection {
  return {
    id: row.id,
    locationId: row.locationId,
    providerKey: row.providerKey,
    name: row.name,
    position: row.position,
    isDefault: row.isDefault,
    hasOwnGroup: row.hasOwnGroup,
    pausedAt: row.pausedAt,
    channel,
    capabilities: channel.getCapabilities?.(config) ?? channel.capabilities,
    config,
    status: row.status,
    statusReason: row.statusCode === null ? null : { code: row.statusCode, message: row.statusReason ?? '' },
    account: row.account,
    webhookRegistration: row.webhooksStatus === null ? null : { status: row.webhooksStatus, details: row.webhooksDetails },
    previousConfig,
    webhookUrl: `${appUrl}/channels/${row.id}`,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/**
 * Returns a connection's config without its secrets. The user info and the query values of URLs are masked, as they often hold a
 * secret.
 *
 * @param canWrite returns whole URLs: a user who may change them must be able to send them back
 */
export function toPublicConfig(connection: Connection, canWrite: boolean): Record<string, unknown> {
  const visible = omitSecrets(findSecretFields(connection.channel.configSchema), connection.config);
  return canWrite ? visible : (maskUrls(visible) as Record<string, unknown>);
}

function maskUrls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskUrls);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskUrls(inner)]));
  }
  if (typeof value !== 'string' || !/^https?:/i.test(value) || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username || url.password) [url.username, url.password] = ['***', ''];
  for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, '***');
  return url.href;
}

/** Returns the URLs that a person copies to the vendor, by path. */
export function toWebhookUrls({ channel, webhookUrl }: Connection): Record<string, string> {
  return Object.fromEntries((channel.webhooks?.paths ?? []).map((path) => [path, `${webhookUrl}/${path}`]));
}

import type { Channel } from '../../../channels/channel.ts';
import type { Connections } from '../../../compose/connections.ts';
import type { Messaging } from '../../../compose/messaging.ts';
import type { Connection, ConnectionTarget } from '../../../connections/connection.ts';
import type { Clock } from '../../../core/clock.ts';
import { AppError, isAppError } from '../../../core/errors.ts';
import type { RandomSource } from '../../../core/ids.ts';
import type { Database } from '../../../database/client.ts';
import type { Provider } from '../../../highlevel/providers.ts';
import type { Installation } from '../../../installations/store.ts';
import type { Text } from '../framework/texts.ts';

export interface ChannelPageDeps {
  db: Database;
  clock: Clock;
  random: RandomSource;
  providers: readonly Provider[];
  connections: Pick<
    Connections,
    | 'arrangeConnection'
    | 'channels'
    | 'disconnect'
    | 'findConnection'
    | 'getPairing'
    | 'getRoutingPolicy'
    | 'listUsableConnections'
    | 'listFindings'
    | 'listSenders'
    | 'listTemplates'
    | 'registerPendingWebhooks'
    | 'registerWebhooks'
    | 'resumeConnection'
    | 'setRoutingPolicy'
    | 'setSenderSettings'
    | 'tryAddConnection'
    | 'tryConnect'
  >;
  messaging: Pick<
    Messaging,
    | 'createContactLink'
    | 'listConnectionSenders'
    | 'lookUpContact'
    | 'previewRoute'
    | 'readAddress'
    | 'searchContact'
    | 'sendTestMessage'
  >;
  /** Demo accounts for trials; sandbox mode has them. */
  examples: ConnectionExamples | undefined;
}

/** Channels that can be connected without a vendor account or gateway. */
export interface ConnectionExamples {
  /** Configs by the channel's type. Their secrets are public. */
  configs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Types of the channels that reach the simulated phone. */
  phoneTypes: readonly string[];
  /** The addresses that a test message goes to. */
  to: Readonly<Record<'sms' | 'email', string>>;
  /** A page that shows the received message. */
  inboxUrl: string;
}

/** Lists the providers of messages, without those of calls. */
export function listMessageProviders({ providers }: Pick<ChannelPageDeps, 'providers'>): Provider[] {
  return providers.filter(({ kind }) => kind !== 'call');
}

/** @throws AppError `not_found` */
export function getProvider(deps: Pick<ChannelPageDeps, 'providers'>, key: string): Provider {
  const provider = listMessageProviders(deps).find((candidate) => candidate.key === key);
  if (provider) return provider;
  throw new AppError('not_found', `The app has no provider called ${key}.`);
}

export function toMessageType({ kind }: Provider): 'sms' | 'email' {
  return kind.startsWith('email') ? 'email' : 'sms';
}

/** Lists the channels that support a provider's message type. */
export function listChannels({ connections }: Pick<ChannelPageDeps, 'connections'>, provider: Provider): Channel[] {
  return [...connections.channels.values()].filter(({ capabilities }) =>
    capabilities.messageTypes.includes(toMessageType(provider)),
  );
}

/** Returns the display name of a provider: its kind, with its key when two providers share the kind. */
export function toProviderName(deps: Pick<ChannelPageDeps, 'providers'>, text: Text, provider: Provider): string {
  const name = text(`channels.kinds.${provider.kind}`, { key: provider.key });
  const isOnly = listMessageProviders(deps).filter(({ kind }) => kind === provider.kind).length === 1;
  return isOnly || name.includes(provider.key) ? name : `${name} (${provider.key})`;
}

export function toChannelName(text: Text, channel: Pick<Channel, 'type' | 'title'>): string {
  const own = `channels.types.${channel.type}.name`;
  return text.has(own) ? text(own) : channel.title;
}

/**
 * Finds a connection of a provider in a location: the default one, unless the target names another. One that this process can't use, as its channel or the key of its secrets is
 * missing, counts as absent, so that a user can connect again.
 */
export async function findUsableConnection(
  deps: Pick<ChannelPageDeps, 'connections'>,
  target: ConnectionTarget,
): Promise<Connection | null> {
  try {
    return await deps.connections.findConnection(target);
  } catch (error) {
    if (isAppError(error, 'request_invalid', 'secret_unreadable')) return null;
    throw error;
  }
}

/** @throws AppError `conflict`: the app is not installed in the location */
export function requireInstalled({ status }: Installation): void {
  if (status === 'uninstalled') throw new AppError('conflict', 'The app is no longer installed in this location.');
}

/** @throws AppError `conflict` */
export async function getUsableConnection(
  deps: Pick<ChannelPageDeps, 'connections'>,
  target: ConnectionTarget,
): Promise<Connection> {
  const found = await findUsableConnection(deps, target);
  if (found) return found;
  throw new AppError('conflict', 'No channel is connected any more. Connect one first.');
}

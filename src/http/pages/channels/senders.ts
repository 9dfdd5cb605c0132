import * as z from 'zod';
import type { Sender } from '../../../channels/channel.ts';
import { type Connection, toPublicConfig } from '../../../connections/connection.ts';
import { AppError } from '../../../core/errors.ts';
import { createTimedCache } from '../../../runtime/timed-cache.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage } from '../framework/page.ts';
import { getZodErrorMap } from '../framework/texts.ts';
import {
  type ChannelPageDeps,
  getProvider,
  getUsableConnection,
  requireInstalled,
  toChannelName,
  toProviderName,
} from './providers.ts';

const listTtlMs = 10_000;

/** Creates the page on which a person chooses the number or address that a connection sends from, among those of the vendor's account. */
export function createSendersPage(deps: ChannelPageDeps) {
  const cache = createTimedCache<readonly Sender[]>(deps.clock, listTtlMs);
  const listSenders = (connection: Connection) =>
    cache(`${connection.id}/${connection.updatedAt.getTime()}`, () => deps.connections.listSenders(connection));

  return definePage({
    path: 'channels/:providerKey/senders',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel-senders',
    permission: 'write',
    query: z.object({}),

    async show({ location, providerKey, text }) {
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, { locationId: location.resourceId, providerKey });
      const channel = toChannelName(text, connection.channel);
      return {
        title: text('channels.senders.title', { channel }),
        providerKey,
        provider: toProviderName(deps, text, provider),
        channel,
        account: connection.account,
        senders: await listSenders(connection),
        current: findSender(connection),
      };
    },

    actions: {
      choose: defineAction({
        permission: 'write',
        body: z.object({ address: z.string().trim().min(1).max(320) }),
        async run({ location, providerKey, body, access, text, url }) {
          getProvider(deps, providerKey);
          requireInstalled(location);
          const ref = { locationId: location.resourceId, providerKey };
          const connection = await getUsableConnection(deps, ref);
          const config = { ...toPublicConfig(connection, true), [toSenderField(connection)]: body.address };
          const errorMap = getZodErrorMap(text.language);
          const input = { type: connection.channel.type, config };
          const result = await deps.connections.tryConnect(ref, input, toActor(access), { errorMap });
          switch (result.kind) {
            case 'connected':
              return { redirectTo: url(`channels/${providerKey}`), notice: text('channels.senders.saved') };
            case 'invalid':
              return { errors: { address: result.issues[0]?.message ?? '' } };
            case 'rejected':
              return { errors: { address: result.problems.map(({ message }) => message).join(' ') } };
            case 'unavailable':
              throw new AppError('vendor_unavailable', result.message);
          }
        },
      }),
    },
  });
}

/** Names the field for the sender: the channel's own, else the one of every connection. */
export function toSenderField({ channel }: Pick<Connection, 'channel'>): 'from' | 'sender' {
  return 'from' in channel.configSchema.shape ? 'from' : 'sender';
}

/** Returns whether a connection's sender can be chosen. Other channels may list senders, and send from the one of their account. */
export function canChooseSender({ channel }: Pick<Connection, 'channel'>): boolean {
  return channel.setup?.listSenders !== undefined && toSenderField({ channel }) === 'from';
}

/** @returns null before one is chosen */
export function findSender(connection: Connection): string | null {
  const value = (connection.config as Record<string, unknown>)[toSenderField(connection)];
  return typeof value === 'string' ? value : null;
}

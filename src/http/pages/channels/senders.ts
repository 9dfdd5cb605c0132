import * as z from 'zod';
import type { Sender } from '../../../channels/channel.ts';
import { type Connection, toPublicConfig } from '../../../connections/connection.ts';
import { maxChars } from '../../../core/bounds.ts';
import { AppError, isAppError } from '../../../core/errors.ts';
import type { ConnectionSender } from '../../../messages/routing/list-senders.ts';
import { createTimedCache } from '../../../runtime/timed-cache.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction } from '../framework/page.ts';
import { getZodErrorMap, type Text } from '../framework/texts.ts';
import { defineConnectionPages, toConnectionPath, toTarget } from './connection-pages.ts';
import {
  type ChannelPageDeps,
  getProvider,
  getUsableConnection,
  requireInstalled,
  toChannelName,
  toProviderName,
} from './providers.ts';
import { anyTime, readSenderSettings, senderFields, toSenderValues } from './sender-form.ts';

const listTtlMs = 10_000;
const address = z.string().trim().min(1).max(maxChars.address);

/**
 * Creates the pages of a connection's senders: the one that it sends from, among those of the vendor's account, and the settings and health of
 * each.
 */
export function createSendersPages(deps: ChannelPageDeps) {
  const cache = createTimedCache<readonly Sender[]>(deps.clock, listTtlMs);

  /** Lists what the vendor has; null where its channel lists none, or with the reason for which it can't be asked. */
  async function listListed(connection: Connection): Promise<{ listed: readonly Sender[] | null; problem: string | null }> {
    if (!connection.channel.setup?.listSenders) return { listed: null, problem: null };
    const key = `${connection.id}/${connection.updatedAt.getTime()}`;
    try {
      return { listed: await cache(key, () => deps.connections.listSenders(connection)), problem: null };
    } catch (error) {
      if (!isAppError(error, 'vendor_unavailable', 'connection_rejected')) throw error;
      return { listed: null, problem: error.message };
    }
  }

  return defineConnectionPages({
    page: 'senders',
    view: 'channel-senders',
    query: z.object({ address: address.optional().catch(undefined) }),

    async show(input) {
      const { location, providerKey, query, text, url } = input;
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, toTarget(input));
      const channel = toChannelName(text, connection.channel);
      const { listed, problem } = await listListed(connection);
      const senders = await deps.messaging.listConnectionSenders(connection, listed);
      const edited = senders.find((sender) => sender.address === query.address);
      return {
        title: text('channels.senders.title', { channel }),
        providerKey,
        provider: toProviderName(deps, text, provider),
        channel,
        account: connection.account,
        isUninstalled: location.status === 'uninstalled',
        canChoose: connection.channel.setup?.listSenders !== undefined,
        isSetUp: findSender(connection) !== null,
        listed: listed ?? [],
        vendorProblem: problem,
        current: findSender(connection),
        senders: senders.map((sender) => ({
          ...sender,
          limits: describeLimits(text, sender),
          href: url(`${toConnectionPath(input)}/senders`, { address: sender.address }),
        })),
        edited: query.address ?? null,
        fields: senderFields,
        initial: toSenderValues(edited),
        timezone: location.timezone ?? 'UTC',
      };
    },

    actions: {
      choose: defineAction({
        permission: 'write',
        body: z.object({ address }),
        async run({ body, access, text, url, ...input }) {
          getProvider(deps, input.providerKey);
          requireInstalled(input.location);
          const target = toTarget(input);
          const connection = await getUsableConnection(deps, target);
          const config = { ...toPublicConfig(connection, true), [toSenderField(connection)]: body.address };
          const errorMap = getZodErrorMap(text.language);
          const wanted = { type: connection.channel.type, config };
          const result = await deps.connections.tryConnect(target, wanted, toActor(access), { errorMap });
          switch (result.kind) {
            case 'connected':
              return { redirectTo: url(toConnectionPath(input)), notice: text('channels.senders.saved') };
            case 'invalid':
              return { errors: { address: result.issues[0]?.message ?? '' } };
            case 'rejected':
              return { errors: { address: result.problems.map(({ message }) => message).join(' ') } };
            case 'unavailable':
              throw new AppError('vendor_unavailable', result.message);
          }
        },
      }),

      open: defineAction({
        permission: 'write',
        body: z.object({ newAddress: address }),
        run: async ({ body, url, ...input }) => ({
          redirectTo: url(`${toConnectionPath(input)}/senders`, { address: body.newAddress }),
        }),
      }),

      saveSender: defineAction({
        permission: 'write',
        body: z.looseObject({ sender: address, hours: z.enum([anyTime, 'some']).default(anyTime) }),
        async run({ body, access, text, url, ...input }) {
          getProvider(deps, input.providerKey);
          const connection = await getUsableConnection(deps, toTarget(input));
          const read = readSenderSettings(text, body);
          if ('errors' in read) return { errors: read.errors };
          await deps.connections.setSenderSettings(connection, body.sender, read.settings, toActor(access));
          return { redirectTo: url(`${toConnectionPath(input)}/senders`), notice: text('channels.senders.settings.saved') };
        },
      }),
    },
  });
}

/** Describes the settings of a sender in one line; null for one that has none. */
function describeLimits(text: Text, { ratePerSecond, dailyCap, sentToday, sendingWindow }: ConnectionSender): string | null {
  const parts = [
    ratePerSecond === null ? null : text('channels.senders.settings.rate', { rate: ratePerSecond }),
    dailyCap === null ? null : text('channels.limits.today', { sent: sentToday, cap: dailyCap }),
    sendingWindow === null ? null : `${sendingWindow.from}–${sendingWindow.to}`,
  ].filter((part) => part !== null);
  return parts.length > 0 ? parts.join(' · ') : null;
}

/** Names the field for the sender: the channel's own, else the one of every connection. */
function toSenderField({ channel }: Pick<Connection, 'channel'>): 'from' | 'sender' {
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

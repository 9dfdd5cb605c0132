import * as z from 'zod';
import type { Capabilities, Channel } from '../../../channels/channel.ts';
import { findSecretFields, listSecretPaths } from '../../../channels/config-schema.ts';
import { deliverySettings } from '../../../channels/delivery-settings.ts';
import { valueGenerators } from '../../../channels/generated-fields.ts';
import { getChannel } from '../../../channels/registry.ts';
import type { ConnectResult } from '../../../connections/connect.ts';
import { type Connection, toPublicConfig } from '../../../connections/connection.ts';
import { AppError } from '../../../core/errors.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction } from '../framework/page.ts';
import { getZodErrorMap } from '../framework/texts.ts';
import { type ConfigField, type FormValues, flattenFields, readConfig, toConfigFields, toFormValues } from './config-form.ts';
import { toFieldErrors, toLabelledFields, toProblemErrors } from './config-labels.ts';
import { defineConnectionPages, toConnectionPath, toTarget } from './connection-pages.ts';
import {
  type ChannelPageDeps,
  findUsableConnection,
  getProvider,
  listChannels,
  requireInstalled,
  toChannelName,
  toProviderName,
} from './providers.ts';
import { canChooseSender, findSender } from './senders.ts';
import { suggestionInputs, suggestValues, toSuggestionHint, toSuggestionView } from './suggest.ts';

const channelType = z.string().min(1).max(64);

/** Creates the pages to connect a channel: choose one, then fill in the form generated from its schema. The same form edits a connection. */
export function createConnectPages(deps: ChannelPageDeps) {
  return defineConnectionPages({
    page: 'connect',
    view: 'connect',
    permission: 'write',
    query: z.object({
      add: z.literal('1').optional(),
      type: channelType.optional(),
      example: z.literal('1').optional(),
      make: z.string().max(64).optional(),
    }),

    async show(input) {
      const { location, providerKey, query, text, can } = input;
      const provider = getProvider(deps, providerKey);
      requireInstalled(location);
      const isAdded = query.add !== undefined;
      const connection = isAdded ? null : await findUsableConnection(deps, toTarget(input));
      const choices = listChannels(deps, provider);
      const wanted = query.type ?? (choices.length === 1 ? choices[0]?.type : undefined);
      const name = toProviderName(deps, text, provider);
      const listed = choices.map((one) => ({ ...toChoice(text, one), hasExample: findExample(one) !== undefined }));
      const shown = {
        providerKey,
        provider: name,
        choices: listed,
        hasExamples: listed.some(({ hasExample }) => hasExample),
        add: query.add,
      };
      if (wanted === undefined) return { ...shown, title: text('channels.choose.title', { provider: name }), chosen: null };

      const channel = chosen(choices, wanted);
      const own = connection?.channel.type === channel.type ? connection : null;
      const fields = toConfigFields(channel.configSchema);
      const example = findExample(channel);
      const filled = query.example === undefined ? undefined : example;
      const key = own ? 'channels.form.changeTitle' : 'channels.form.title';
      return {
        ...shown,
        title: text(key, { channel: toChannelName(text, channel), provider: name }),
        chosen: toChoice(text, channel),
        fields: toLabelledFields(text, `channels.types.${channel.type}`, fields),
        initial: {
          ...toFormValues(fields, own ? toPublicConfig(own, can('write')) : undefined),
          ...generateValues(deps, fields, own ? query.make : 'all'),
          ...(filled ? { ...toFormValues(fields, filled), ...toSecretValues(fields, filled) } : {}),
        },
        isConnected: own !== null,
        suggestions: toSuggestionView(text, channel),
        stored: own ? listSecretPaths(findSecretFields(channel.configSchema), own.config) : [],
        replaces: connection && !own ? toChannelName(text, connection.channel) : null,
        hasExample: example !== undefined,
        isExample: filled !== undefined,
      };
    },

    actions: {
      connect: defineAction({
        permission: 'write',
        body: z.looseObject({ type: channelType, add: z.literal('1').optional() }),
        async run({ body, access, text, url, ...input }) {
          const provider = getProvider(deps, input.providerKey);
          requireInstalled(input.location);
          const channel = chosen(listChannels(deps, provider), body.type);
          const target = toTarget(input);
          const fields = toConfigFields(channel.configSchema);
          const suggested = suggestValues(channel, body);
          if (body[suggestionInputs.ask] === 'yes') {
            return { errors: {}, values: suggested, viewData: { suggestionHint: toSuggestionHint(text, channel, body) } };
          }
          const before = body.add ? null : await findUsableConnection(deps, target);
          const wanted = {
            type: channel.type,
            config: { ...pickDeliverySettings(before), ...readConfig(fields, { ...body, ...suggested }) },
          };
          const options = { verify: body.unverified !== 'yes', errorMap: getZodErrorMap(text.language) };
          const connect = body.add ? deps.connections.tryAddConnection : deps.connections.tryConnect;
          const result = await connect(target, wanted, toActor(access), options);
          const keyPrefix = `channels.types.${channel.type}`;
          switch (result.kind) {
            case 'invalid': {
              const { '': other, ...errors } = toFieldErrors(text, keyPrefix, fields, result.issues, body);
              if (other) throw new AppError('request_invalid', other);
              return { errors, values: suggested };
            }
            case 'rejected':
              return { errors: toProblemErrors(text, keyPrefix, fields, result.problems), values: suggested };
            case 'unavailable':
              return {
                errors: {
                  ...toProblemErrors(text, keyPrefix, fields, [{ ...result, code: 'unreachable' }]),
                  '': result.message,
                },
                values: suggested,
                viewData: { canSkipVerification: true },
              };
            case 'connected': {
              const { connection } = result;
              const path = toConnectionPath(body.add ? { ...input, connection } : input);
              return { redirectTo: url(toNextStep(connection, path)), notice: toNotice(text, before, result) };
            }
          }
        },
      }),
    },
  });

  function findExample({ type }: Channel): Readonly<Record<string, unknown>> | undefined {
    return deps.examples?.configs[type];
  }

  function chosen(choices: readonly Channel[], type: string): Channel {
    const channel = getChannel(deps.connections.channels, type);
    if (choices.includes(channel)) return channel;
    throw new AppError('request_invalid', 'This channel does not support this provider’s messages.');
  }
}

type Text = Parameters<typeof toChannelName>[0];

function toChoice(text: Text, channel: Channel) {
  const findText = (name: string) => {
    const key = `channels.types.${channel.type}.${name}`;
    return text.has(key) ? text(key) : null;
  };
  return {
    type: channel.type,
    name: toChannelName(text, channel),
    about: findText('about'),
    needs: findText('needs'),
    cost: findText('cost'),
    can: listAbilities(channel.capabilities),
  };
}

/** Lists the abilities that help a person choose. */
function listAbilities({ messageTypes, attachments, receipts, idempotent, managesOptOuts }: Capabilities): string[] {
  const abilities = {
    receipts,
    attachments: attachments !== 'none',
    email: messageTypes.includes('email'),
    idempotent,
    managesOptOuts,
  };
  return Object.entries(abilities).flatMap(([name, has]) => (has ? [name] : []));
}

/** Generates values for all fields with a generator, or for the requested one. They are not stored until the form is submitted. */
function generateValues(deps: ChannelPageDeps, fields: readonly ConfigField[], which: string | undefined): FormValues {
  return Object.fromEntries(
    flattenFields(fields).flatMap(({ name, generate }) => {
      const make = generate && (which === 'all' || which === name) ? valueGenerators[generate] : undefined;
      return make ? [[name, make(deps.random)]] : [];
    }),
  );
}

/** Picks the example's secrets, which are public. */
function toSecretValues(fields: readonly ConfigField[], config: object): FormValues {
  const secrets = flattenFields(fields).filter(({ isSecret }) => isSecret);
  return Object.fromEntries(secrets.map(({ name }) => [name, getAt(config, name)]).filter(([, value]) => value !== undefined));
}

function getAt(config: unknown, path: string): unknown {
  return path.split('.').reduce((value, name) => (value as Record<string, unknown> | undefined)?.[name], config);
}

/** Returns the page of what is left to do: pair a device, choose a sender, or send a test. */
function toNextStep(connection: Connection, path: string): string {
  if (connection.status === 'pairing') return `${path}/pairing`;
  const needsSender = canChooseSender(connection) && findSender(connection) === null;
  return needsSender ? `${path}/senders` : path;
}

function toNotice(
  text: Text,
  before: Connection | null,
  { connection: { account }, warnings }: Extract<ConnectResult, { kind: 'connected' }>,
): string {
  const done = account
    ? text('channels.form.connectedAs', { account })
    : text(before ? 'channels.form.changed' : 'channels.form.connected');
  return [done, ...warnings].join(' ');
}

/** Picks the delivery settings, which stay when the channel changes: they have their own form. */
function pickDeliverySettings(connection: Connection | null): Record<string, unknown> {
  return Object.fromEntries(Object.entries(connection?.config ?? {}).filter(([name]) => name in deliverySettings));
}

import * as z from 'zod';
import type { Channel } from '../../channels/channel.ts';
import { deliverySettings } from '../../channels/delivery-settings.ts';
import { valueGenerators } from '../../channels/generated-fields.ts';
import { getChannel } from '../../channels/registry.ts';
import { type Connection, checkConfig, connect, toPublicConfig } from '../../connections/connect.ts';
import { AppError } from '../../core/errors.ts';
import { toActor } from '../auth/access.ts';
import {
  type ChannelPageDeps,
  channelName,
  channelsFor,
  connectedAt,
  providerName,
  providerOf,
  requireInstalled,
} from './channel-place.ts';
import { type ConfigField, type FormValues, fieldsOf, formValues, readConfig } from './config-form.ts';
import { inWords, issuesInWords } from './config-words.ts';
import { action, page } from './page.ts';
import { zodWords } from './texts.ts';

const type = z.string().min(1).max(64);

/** Connecting a channel: choose one, then fill in the form that its schema makes. The same form changes the one that is connected. */
export function connectPage(deps: ChannelPageDeps) {
  return page({
    path: 'channels/:providerKey/connect',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'connect',
    needs: 'write',
    query: z.object({ type: type.optional(), example: z.literal('1').optional(), make: z.string().max(64).optional() }),

    async show({ location, providerKey, query, text, can }) {
      const provider = providerOf(deps, providerKey);
      requireInstalled(location);
      const connection = await connectedAt(deps, { locationId: location.resourceId, providerKey });
      const choices = channelsFor(deps, provider);
      const wanted = query.type ?? (choices.length === 1 ? choices[0]?.type : undefined);
      const name = providerName(deps, text, provider);
      const example = deps.example && choices.some((one) => one.type === deps.example?.type) ? deps.example : undefined;
      const shown = { providerKey, provider: name, choices: choices.map((one) => choiceOf(text, one)), example };
      if (wanted === undefined) return { ...shown, title: text('channels.choose.title', { provider: name }), chosen: null };

      const channel = chosen(choices, wanted);
      const own = connection?.channel.type === channel.type ? connection : null;
      const fields = fieldsOf(channel.configSchema);
      const isExample = query.example !== undefined && example?.type === channel.type;
      const key = own ? 'channels.form.changeTitle' : 'channels.form.title';
      return {
        ...shown,
        title: text(key, { channel: channelName(text, channel), provider: name }),
        chosen: choiceOf(text, channel),
        fields: inWords(text, `channels.types.${channel.type}`, fields),
        initial: {
          ...formValues(fields, own ? toPublicConfig(own, can('write')) : undefined),
          ...generated(deps, fields, own ? query.make : 'all'),
          ...(isExample ? formValues(fieldsOf(channel.configSchema), example.config) : {}),
          ...(isExample ? secretsOf(fields, example.config) : {}),
        },
        isConnected: own !== null,
        replaces: connection && !own ? channelName(text, connection.channel) : null,
        isExample,
      };
    },

    actions: {
      connect: action({
        needs: 'write',
        body: z.looseObject({ type }),
        async run({ location, providerKey, body, access, text, url }) {
          const provider = providerOf(deps, providerKey);
          requireInstalled(location);
          const channel = chosen(channelsFor(deps, provider), body.type);
          const place = { locationId: location.resourceId, providerKey };
          const fields = fieldsOf(channel.configSchema);
          const before = await connectedAt(deps, place);
          const wanted = { type: channel.type, config: { ...deliverySettingsIn(before), ...readConfig(fields, body) } };
          const checked = await checkConfig(deps, place, wanted, zodWords(text.language));
          if ('issues' in checked) {
            const { '': other, ...errors } = issuesInWords(
              text,
              `channels.types.${channel.type}`,
              fields,
              checked.issues,
              body,
            );
            if (other) throw new AppError('request_invalid', other);
            return { errors };
          }
          await connect(deps, place, wanted, toActor(access));
          return {
            goTo: url(`channels/${providerKey}`),
            notice: text(before ? 'channels.form.changed' : 'channels.form.connected'),
          };
        },
      }),
    },
  });

  function chosen(choices: readonly Channel[], wanted: string): Channel {
    const channel = getChannel(deps.channels, wanted);
    if (choices.includes(channel)) return channel;
    throw new AppError('request_invalid', 'This channel does not carry what this provider sends.');
  }
}

type Text = Parameters<typeof channelName>[0];

function choiceOf(text: Text, channel: Channel) {
  const about = `channels.types.${channel.type}.about`;
  return {
    type: channel.type,
    name: channelName(text, channel),
    about: text.has(about) ? text(about) : null,
    can: (['receipts', 'attachments', 'email', 'idempotent'] as const).filter((name) => channel.capabilities[name]),
  };
}

/** Values for the fields that we can make one for, all or the one that is asked for. They are kept nowhere until they are sent. */
function generated(deps: ChannelPageDeps, fields: readonly ConfigField[], which: string | undefined): FormValues {
  return Object.fromEntries(
    fields.flatMap(({ name, generate }) => {
      const make = generate && (which === 'all' || which === name) ? valueGenerators[generate] : undefined;
      return make ? [[name, make(deps.random)]] : [];
    }),
  );
}

/** The example's secrets are no secrets. */
function secretsOf(fields: readonly ConfigField[], config: Record<string, unknown>): FormValues {
  return Object.fromEntries(fields.flatMap(({ name, isSecret }) => (isSecret && name in config ? [[name, config[name]]] : [])));
}

/** What any connection may set stays as it is when its channel is changed: it has a form of its own. */
function deliverySettingsIn(connection: Connection | null): Record<string, unknown> {
  return Object.fromEntries(Object.entries(connection?.config ?? {}).filter(([name]) => name in deliverySettings));
}

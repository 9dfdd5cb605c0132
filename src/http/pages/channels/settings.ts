import * as z from 'zod';
import { deliverySettings } from '../../../channels/delivery-settings.ts';
import { toPublicConfig } from '../../../connections/connection.ts';
import { AppError } from '../../../core/errors.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction } from '../framework/page.ts';
import { getZodErrorMap } from '../framework/texts.ts';
import { flattenFields, readConfig, toConfigFields, toFormValues } from './config-form.ts';
import { toFieldErrors } from './config-labels.ts';
import { defineConnectionPages, toConnectionPath, toTarget } from './connection-pages.ts';
import {
  type ChannelPageDeps,
  getProvider,
  getUsableConnection,
  requireInstalled,
  toMessageType,
  toProviderName,
} from './providers.ts';
import { anyTime } from './sender-form.ts';
import { getLimitUsage } from './status.ts';

/** The names of the settings that every connection has. */
export const deliverySettingNames = Object.keys(deliverySettings);

const fields = toConfigFields(z.object(deliverySettings));

/** Creates the pages of a connection's sending settings, which are the same for every channel. */
export function createChannelSettingsPages(deps: ChannelPageDeps) {
  return defineConnectionPages({
    page: 'settings',
    view: 'channel-settings',
    permission: 'write',
    query: z.object({}),

    async show(input) {
      const { location, providerKey, text } = input;
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, toTarget(input));
      const initial = toFormValues(fields, connection.config as Record<string, unknown>);
      return {
        title: text('channels.settings.title', { provider: toProviderName(deps, text, provider) }),
        providerKey,
        provider: toProviderName(deps, text, provider),
        fields: Object.fromEntries(flattenFields(fields).map((field) => [field.name, field])),
        initial: {
          hours: initial.sendingWindow === 'on' ? 'some' : anyTime,
          quietHours: 'off',
          whenOver: 'wait',
          whenUnknown: 'ask',
          ...initial,
        },
        timezone: location.timezone ?? 'UTC',
        hasTimezone: location.timezone !== null,
        messageType: toMessageType(provider),
        idempotent: connection.capabilities.idempotent,
        limits: await getLimitUsage(deps, connection, location.timezone),
      };
    },

    actions: {
      save: defineAction({
        permission: 'write',
        body: z.looseObject({ hours: z.enum([anyTime, 'some']).default(anyTime) }),
        async run({ body, access, text, url, ...input }) {
          getProvider(deps, input.providerKey);
          requireInstalled(input.location);
          const target = toTarget(input);
          const connection = await getUsableConnection(deps, target);
          const settings = readConfig(fields, { ...body, sendingWindow: body.hours === anyTime ? '' : 'on' });
          // Idempotent channels have no input for it; a stored value stays.
          const { whenUnknown } = connection.config as { whenUnknown?: string };
          const storedPolicy = connection.capabilities.idempotent && whenUnknown ? { whenUnknown } : {};
          const others = Object.entries(toPublicConfig(connection, true)).filter(
            ([name]) => !deliverySettingNames.includes(name),
          );
          const wanted = {
            type: connection.channel.type,
            config: { ...Object.fromEntries(others), ...settings, ...storedPolicy },
          };
          // The vendor was asked about the rest of the config when it was stored.
          const options = { verify: false, errorMap: getZodErrorMap(text.language) };
          const result = await deps.connections.tryConnect(target, wanted, toActor(access), options);
          if (result.kind === 'invalid') {
            const { '': other, ...errors } = toFieldErrors(text, 'channels.settings', fields, result.issues, body);
            if (other) throw new AppError('request_invalid', other);
            return { errors };
          }
          return { redirectTo: url(toConnectionPath(input)), notice: text('channels.settings.saved') };
        },
      }),
    },
  });
}

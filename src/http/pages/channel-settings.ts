import * as z from 'zod';
import { deliverySettings } from '../../channels/delivery-settings.ts';
import { checkConfig, connect, toPublicConfig } from '../../connections/connect.ts';
import { AppError } from '../../core/errors.ts';
import { toActor } from '../auth/access.ts';
import {
  type ChannelPageDeps,
  mediumOf,
  providerName,
  providerOf,
  requireConnected,
  requireInstalled,
} from './channel-place.ts';
import { limitsNow } from './channel-status.ts';
import { fieldsOf, formValues, readConfig } from './config-form.ts';
import { issuesInWords } from './config-words.ts';
import { action, page } from './page.ts';
import { zodWords } from './texts.ts';

/** What any connection may set, by name. */
export const deliveryNames = Object.keys(deliverySettings);

const fields = fieldsOf(z.object(deliverySettings));
const atAnyTime = 'any';

/** How a connection sends, whatever its channel: sender, rate, cap, hours, and what becomes of messages that these hold up. */
export function channelSettingsPage(deps: ChannelPageDeps) {
  return page({
    path: 'channels/:providerKey/settings',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel-settings',
    needs: 'write',
    query: z.object({}),

    async show({ location, providerKey, text }) {
      const provider = providerOf(deps, providerKey);
      const connection = await requireConnected(deps, { locationId: location.resourceId, providerKey });
      const initial = formValues(fields, connection.config as Record<string, unknown>);
      return {
        title: text('channels.settings.title', { provider: providerName(deps, text, provider) }),
        providerKey,
        provider: providerName(deps, text, provider),
        fields: Object.fromEntries(fields.flatMap((field) => [field, ...field.fields]).map((field) => [field.name, field])),
        initial: {
          hours: initial['sendingWindow.from'] ? 'some' : atAnyTime,
          whenOver: 'wait',
          whenUnknown: 'ask',
          ...initial,
        },
        timezone: location.timezone ?? 'UTC',
        isZoneKnown: location.timezone !== null,
        medium: mediumOf(provider),
        idempotent: connection.channel.capabilities.idempotent,
        limits: await limitsNow(deps, connection, location.timezone),
      };
    },

    actions: {
      save: action({
        needs: 'write',
        body: z.looseObject({ hours: z.enum([atAnyTime, 'some']).default(atAnyTime) }),
        async run({ location, providerKey, body, access, text, url }) {
          providerOf(deps, providerKey);
          requireInstalled(location);
          const place = { locationId: location.resourceId, providerKey };
          const connection = await requireConnected(deps, place);
          const { sendingWindow, ...settings } = readConfig(fields, body);
          // Hours that are half filled in are told of; none are chosen at all when they do not count.
          const hours = body.hours === atAnyTime ? {} : { sendingWindow: sendingWindow ?? {} };
          // Where it says nothing it is not asked for, and stays.
          const { whenUnknown } = connection.config as { whenUnknown?: string };
          const kept = connection.channel.capabilities.idempotent && whenUnknown ? { whenUnknown } : {};
          const others = Object.entries(toPublicConfig(connection, true)).filter(([name]) => !deliveryNames.includes(name));
          const wanted = {
            type: connection.channel.type,
            config: { ...Object.fromEntries(others), ...settings, ...kept, ...hours },
          };
          const checked = await checkConfig(deps, place, wanted, zodWords(text.language));
          if ('issues' in checked) {
            const { '': other, ...errors } = issuesInWords(text, 'channels.settings', fields, checked.issues, body);
            if (other) throw new AppError('request_invalid', other);
            return { errors };
          }
          await connect(deps, place, wanted, toActor(access));
          return { goTo: url(`channels/${providerKey}`), notice: text('channels.settings.saved') };
        },
      }),
    },
  });
}

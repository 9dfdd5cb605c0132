import * as z from 'zod';
import { disconnect, toPublicConfig, toWebhookUrls } from '../../connections/connect.ts';
import { sendTestMessage, testAddress } from '../../messages/outbound/send-test.ts';
import { toActor } from '../auth/access.ts';
import {
  type ChannelPageDeps,
  connectedAt,
  mediumOf,
  providerName,
  providerOf,
  requireConnected,
  requireInstalled,
} from './channel-place.ts';
import { deliveryNames } from './channel-settings.ts';
import { channelStatuses, channelsVersion, limitsNow } from './channel-status.ts';
import { testShown, testVersion } from './channel-test.ts';
import { fieldsOf, formValues } from './config-form.ts';
import { inWords } from './config-words.ts';
import { action, page } from './page.ts';

const testBody = z.object({ to: z.string().trim().min(3).max(320), text: z.string().trim().min(1).max(1000) });

/** One channel of a location: how it does, a test that is followed live, what its far side must be told, and the way out. */
export function channelPage(deps: ChannelPageDeps) {
  const placeOf = ({ location, providerKey }: { location: { resourceId: string }; providerKey: string }) => ({
    locationId: location.resourceId,
    providerKey,
  });

  return page({
    path: 'channels/:providerKey',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel',
    query: z.object({ test: z.uuid().optional().catch(undefined) }),

    async show({ location, providerKey, query, text, can }) {
      const provider = providerOf(deps, providerKey);
      const status = (await channelStatuses(deps, text, location)).find(({ key }) => key === providerKey);
      const connection = await connectedAt(deps, { locationId: location.resourceId, providerKey });
      const shown = {
        title: providerName(deps, text, provider),
        providerKey,
        status,
        isGone: location.status === 'uninstalled',
      };
      if (!connection) return { ...shown, connection: null };

      const { channel } = connection;
      const isExample = deps.example?.type === channel.type || channel.type === 'sandbox';
      const fields = fieldsOf(channel.configSchema);
      const values = formValues(fields, toPublicConfig(connection, can('write')));
      return {
        ...shown,
        connection: { id: connection.id, type: channel.type, can: channel.capabilities },
        facts: inWords(text, `channels.types.${channel.type}`, fields).flatMap(({ name, label, isSecret, isAdvanced }) => {
          const value = isSecret ? null : String(values[name] ?? '');
          return value === '' || isAdvanced ? [] : [{ label, value }];
        }),
        callbackUrls: Object.entries(toWebhookUrls(connection)),
        guide: channel.setupGuide ? `/docs/${channel.setupGuide}.md` : null,
        medium: mediumOf(provider),
        testTo: isExample && deps.example && mediumOf(provider) === 'sms' ? deps.example.to : testAddress[mediumOf(provider)],
        seeAt: isExample ? deps.example?.seeAt : undefined,
        test: query.test ? await testShown(deps, text, { ...placeOf({ location, providerKey }), id: query.test }) : null,
        limits: await limitsNow(deps, connection, location.timezone),
        timezone: location.timezone ?? 'UTC',
        isLimited: deliveryNames.some((name) => name in connection.config),
      };
    },

    async version({ location, providerKey, query }) {
      const place = placeOf({ location, providerKey });
      const test = query.test ? await testVersion(deps, { ...place, id: query.test }) : null;
      return JSON.stringify([await channelsVersion(deps, location), test]);
    },

    actions: {
      test: action({
        needs: 'write',
        body: testBody,
        async run({ location, providerKey, body, url }) {
          const medium = mediumOf(providerOf(deps, providerKey));
          requireInstalled(location);
          const connection = await requireConnected(deps, placeOf({ location, providerKey }));
          const { id } = await sendTestMessage(deps, connection, { ...body, medium });
          return { goTo: url(`channels/${providerKey}`, { test: id }) };
        },
      }),

      disconnect: action({
        needs: 'write',
        body: z.object({}),
        async run({ location, providerKey, access, text }) {
          await disconnect(deps, placeOf({ location, providerKey }), toActor(access));
          return { notice: text('channels.page.disconnected') };
        },
      }),
    },
  });
}

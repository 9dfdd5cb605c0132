import * as z from 'zod';
import { toPublicConfig, toWebhookUrls } from '../../../connections/connection.ts';
import { listWebhookObservations, observedAddress } from '../../../installations/webhook-observations.ts';
import { testAddress } from '../../../messages/outbound/send-test.ts';
import { toRegistrationView } from '../../api/connection-view.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage } from '../framework/page.ts';
import { type FormValues, toConfigFields, toFormValues } from './config-form.ts';
import { type LabelledField, toLabelledFields } from './config-labels.ts';
import { createContactLinkAction, findContactLinkView } from './contact-link.ts';
import { canPair, findConsentService } from './pairing.ts';
import {
  type ChannelPageDeps,
  findUsableConnection,
  getProvider,
  getUsableConnection,
  requireInstalled,
  toMessageType,
  toProviderName,
} from './providers.ts';
import { canChooseSender, findSender } from './senders.ts';
import { deliverySettingNames } from './settings.ts';
import { getChannelsVersion, getLimitUsage, listChannelStatuses } from './status.ts';
import { findTestProgress, getTestVersion } from './test-progress.ts';

const testBody = z.object({ to: z.string().trim().min(3).max(320), text: z.string().trim().min(1).max(1000) });

/** Creates the page of one channel: its health, a live test, its webhook URLs, and disconnecting it. */
export function createChannelPage(deps: ChannelPageDeps) {
  const toConnectionRef = ({ location, providerKey }: { location: { resourceId: string }; providerKey: string }) => ({
    locationId: location.resourceId,
    providerKey,
  });

  return definePage({
    path: 'channels/:providerKey',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel',
    query: z.object({ test: z.uuid().optional().catch(undefined) }),

    async show({ location, providerKey, query, text, can }) {
      const provider = getProvider(deps, providerKey);
      const status = (await listChannelStatuses(deps, text, location)).find(({ key }) => key === providerKey);
      const connection = await findUsableConnection(deps, { locationId: location.resourceId, providerKey });
      const shown = {
        title: toProviderName(deps, text, provider),
        providerKey,
        status,
        isUninstalled: location.status === 'uninstalled',
      };
      if (!connection) return { ...shown, connection: null };

      const { channel } = connection;
      const isExample = deps.examples?.phoneTypes.includes(channel.type) ?? false;
      const fields = toConfigFields(channel.configSchema);
      const values = toFormValues(fields, toPublicConfig(connection, can('write')));
      return {
        ...shown,
        connection: { id: connection.id, type: channel.type, can: connection.capabilities, account: connection.account },
        canVerify: channel.setup !== undefined,
        has: {
          pairing: canPair(connection),
          senders: canChooseSender(connection),
          templates: channel.setup?.listTemplates !== undefined,
          webhooks: channel.webhooks !== undefined,
        },
        signInService: findConsentService(connection),
        sender: findSender(connection),
        registration: toRegistrationView(connection),
        webhookAt: await findLastWebhook(deps, connection.id),
        facts: listFacts(toLabelledFields(text, `channels.types.${channel.type}`, fields), values),
        webhookUrls: Object.entries(toWebhookUrls(connection)),
        isStandardWebhook: channel.webhooks?.signatureHeader === 'webhook-signature',
        guide: channel.setupGuide ? `/docs/${channel.setupGuide}.md` : null,
        contactLinks: await findContactLinkView(deps, { locationId: location.resourceId, providerKey }),
        messageType: toMessageType(provider),
        testTo: (isExample ? deps.examples?.to : undefined)?.[toMessageType(provider)] ?? testAddress[toMessageType(provider)],
        inboxUrl: isExample ? deps.examples?.inboxUrl : undefined,
        test: query.test
          ? await findTestProgress(deps, text, { ...toConnectionRef({ location, providerKey }), id: query.test })
          : null,
        limits: await getLimitUsage(deps, connection, location.timezone),
        timezone: location.timezone ?? 'UTC',
        isLimited: channel.defaultDelivery !== undefined || deliverySettingNames.some((name) => name in connection.config),
      };
    },

    async version({ location, providerKey, query }) {
      const ref = toConnectionRef({ location, providerKey });
      const test = query.test ? await getTestVersion(deps, { ...ref, id: query.test }) : null;
      const connection = await findUsableConnection(deps, ref);
      const webhookAt = connection && (await findLastWebhook(deps, connection.id));
      const webhookStep = webhookAt && Math.floor(webhookAt.getTime() / webhookStepMs);
      return JSON.stringify([await getChannelsVersion(deps, location), test, webhookStep]);
    },

    actions: {
      test: defineAction({
        permission: 'write',
        body: testBody,
        async run({ location, providerKey, body, access, url }) {
          const messageType = toMessageType(getProvider(deps, providerKey));
          requireInstalled(location);
          const connection = await getUsableConnection(deps, toConnectionRef({ location, providerKey }));
          await deps.connections.registerPendingWebhooks(connection, toActor(access));
          const { id } = await deps.messaging.sendTestMessage(connection, { ...body, messageType });
          return { redirectTo: url(`channels/${providerKey}`, { test: id }) };
        },
      }),

      contactLink: createContactLinkAction(deps),

      resume: defineAction({
        permission: 'write',
        body: z.object({}),
        async run({ location, providerKey, access, text }) {
          const connection = await getUsableConnection(deps, toConnectionRef({ location, providerKey }));
          await deps.connections.resumeConnection(connection, toActor(access));
          return { notice: text('channels.held.resumed') };
        },
      }),

      register: defineAction({
        permission: 'write',
        body: z.object({ replace: z.literal('yes').optional() }),
        async run({ location, providerKey, body, access, text }) {
          requireInstalled(location);
          const connection = await getUsableConnection(deps, toConnectionRef({ location, providerKey }));
          const { replace } = body;
          const { kind } = await deps.connections.registerWebhooks(connection, replace === 'yes', toActor(access));
          return kind === 'registered' ? { notice: text('channels.registration.done') } : {};
        },
      }),

      disconnect: defineAction({
        permission: 'write',
        body: z.object({}),
        async run({ location, providerKey, access, text }) {
          await deps.connections.disconnect(toConnectionRef({ location, providerKey }), toActor(access));
          return { notice: text('channels.page.disconnected') };
        },
      }),
    },
  });
}

/** Step in which a newer webhook makes the page new. */
const webhookStepMs = 10_000;

/** Lists what a person recognises a connection by: its values without secrets and further settings. */
function listFacts(fields: readonly LabelledField[], values: FormValues): { label: string; value: string }[] {
  return fields.flatMap(({ name, kind, label, isSecret, isAdvanced, isRequired, fields: inner, choices }) => {
    if (isSecret || isAdvanced) return [];
    if (kind === 'group') {
      const isUsed = isRequired || values[name] === 'on';
      return isUsed ? listFacts(inner, values).map((fact) => ({ ...fact, label: `${label}: ${fact.label}` })) : [];
    }
    const value = String(values[name] ?? '');
    return value === '' ? [] : [{ label, value: choices.find((choice) => choice.value === value)?.text ?? value }];
  });
}

/** Finds the time of the last authentic webhook of a connection. */
async function findLastWebhook({ db }: ChannelPageDeps, connectionId: string): Promise<Date | null> {
  const address = observedAddress.connection(connectionId);
  return (await listWebhookObservations(db.client, [address])).get(address)?.lastValidAt ?? null;
}

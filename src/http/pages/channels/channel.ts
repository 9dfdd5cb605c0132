import * as z from 'zod';
import type { Finding } from '../../../channels/channel.ts';
import { toPublicConfig, toWebhookUrls } from '../../../connections/connection.ts';
import { listWebhookObservations, observedAddress } from '../../../installations/webhook-observations.ts';
import { testAddress } from '../../../messages/outbound/send-test.ts';
import { toRegistrationView } from '../../api/connection-view.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';
import { type FormValues, toConfigFields, toFormValues } from './config-form.ts';
import { type LabelledField, toLabelledFields } from './config-labels.ts';
import { createConnectionActions, listConnectionRows, toConnectionName } from './connection-list.ts';
import { defineConnectionPages, toConnectionPath, toTarget } from './connection-pages.ts';
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
import { toSegmentsView } from './segments.ts';
import { findSender } from './senders.ts';
import { deliverySettingNames } from './settings.ts';
import { getChannelsVersion, getLimitUsage, getStatuses } from './status.ts';
import { findTestProgress, getTestVersion } from './test-progress.ts';

const testBody = z.object({ to: z.string().trim().min(3).max(320), text: z.string().trim().min(1).max(1000) });

/**
 * Creates the pages of a connection: its health, a live test, its webhook URLs, and disconnecting it. The provider's own page lists all of its
 * connections too.
 */
export function createChannelPages(deps: ChannelPageDeps) {
  return defineConnectionPages({
    page: '',
    view: 'channel',
    query: z.object({ test: z.uuid().optional().catch(undefined) }),

    async show(input) {
      const { location, providerKey, query, text, can } = input;
      const provider = getProvider(deps, providerKey);
      const connection = await findUsableConnection(deps, toTarget(input));
      const [status] = await getStatuses(deps, text, location, provider, [connection]);
      const isNamed = input.connection !== undefined && connection !== null;
      const name = toProviderName(deps, text, provider);
      const shown = {
        title: isNamed ? toConnectionName(text, connection) : name,
        provider: name,
        providerKey,
        status,
        isNamed,
        connections: isNamed ? [] : await listConnectionRows(deps, input),
        isUninstalled: location.status === 'uninstalled',
      };
      if (!connection) return { ...shown, connection: null };

      const { channel } = connection;
      const isExample = deps.examples?.phoneTypes.includes(channel.type) ?? false;
      const fields = toConfigFields(channel.configSchema);
      const values = toFormValues(fields, toPublicConfig(connection, can('write')));
      return {
        ...shown,
        connection: {
          id: connection.id,
          type: channel.type,
          can: connection.capabilities,
          account: connection.account,
          isPaused: connection.pausedAt !== null,
        },
        canVerify: channel.setup !== undefined,
        has: {
          pairing: canPair(connection),
          templates: channel.setup?.listTemplates !== undefined,
          webhooks: channel.webhooks !== undefined,
        },
        signInService: findConsentService(connection),
        sender: findSender(connection),
        registration: toRegistrationView(connection),
        webhookAt: await findLastWebhook(deps, connection.id),
        findings: toFindingTexts(text, channel.type, await deps.connections.listFindings(connection)),
        segments: toSegmentsView(text, connection),
        facts: listFacts(toLabelledFields(text, `channels.types.${channel.type}`, fields), values),
        webhookUrls: Object.entries(toWebhookUrls(connection)),
        isStandardWebhook: channel.webhooks?.signatureHeader === 'webhook-signature',
        guide: channel.setupGuide ? `/docs/${channel.setupGuide}.md` : null,
        contactLinks: await findContactLinkView(deps, toTarget(input)),
        messageType: toMessageType(provider),
        testTo: (isExample ? deps.examples?.to : undefined)?.[toMessageType(provider)] ?? testAddress[toMessageType(provider)],
        inboxUrl: isExample ? deps.examples?.inboxUrl : undefined,
        test: query.test
          ? await findTestProgress(deps, text, { ...toTarget(input), connectionId: connection.id, id: query.test })
          : null,
        limits: await getLimitUsage(deps, connection, location.timezone),
        timezone: location.timezone ?? 'UTC',
        isLimited: channel.defaultDelivery !== undefined || deliverySettingNames.some((name) => name in connection.config),
      };
    },

    async version(input) {
      const { location, query } = input;
      const target = toTarget(input);
      const test = query.test ? await getTestVersion(deps, { ...target, id: query.test }) : null;
      const connection = await findUsableConnection(deps, target);
      const webhookAt = connection && (await findLastWebhook(deps, connection.id));
      const webhookStep = webhookAt && Math.floor(webhookAt.getTime() / webhookStepMs);
      return JSON.stringify([await getChannelsVersion(deps, location), test, webhookStep]);
    },

    actions: {
      ...createConnectionActions(deps),

      test: defineAction({
        permission: 'write',
        body: testBody,
        async run({ body, access, url, ...input }) {
          const messageType = toMessageType(getProvider(deps, input.providerKey));
          requireInstalled(input.location);
          const connection = await getUsableConnection(deps, toTarget(input));
          await deps.connections.registerPendingWebhooks(connection, toActor(access));
          const { id } = await deps.messaging.sendTestMessage(connection, { ...body, messageType });
          return { redirectTo: url(toConnectionPath(input), { test: id }) };
        },
      }),

      contactLink: createContactLinkAction(deps),

      resume: defineAction({
        permission: 'write',
        body: z.object({}),
        async run({ access, text, ...input }) {
          const connection = await getUsableConnection(deps, toTarget(input));
          await deps.connections.resumeConnection(connection, toActor(access));
          return { notice: text('channels.held.resumed') };
        },
      }),

      register: defineAction({
        permission: 'write',
        body: z.object({ replace: z.literal('yes').optional() }),
        async run({ body, access, text, ...input }) {
          requireInstalled(input.location);
          const connection = await getUsableConnection(deps, toTarget(input));
          const { replace } = body;
          const { kind } = await deps.connections.registerWebhooks(connection, replace === 'yes', toActor(access));
          return kind === 'registered' ? { notice: text('channels.registration.done') } : {};
        },
      }),

      disconnect: defineAction({
        permission: 'write',
        body: z.object({}),
        async run({ access, text, url, ...input }) {
          await deps.connections.disconnect(toTarget(input), toActor(access));
          const notice = text('channels.page.disconnected');
          return input.connection ? { redirectTo: url(`channels/${input.providerKey}`), notice } : { notice };
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

/** Translates what was learned about the vendor. */
function toFindingTexts(text: Text, type: string, findings: readonly Finding[]): string[] {
  return findings.map(({ code, message, values = {} }) => {
    const key = `channels.types.${type}.findings.${code}`;
    return text.has(key) ? text(key, values) : message;
  });
}

/** Finds the time of the last authentic webhook of a connection. */
async function findLastWebhook({ db }: ChannelPageDeps, connectionId: string): Promise<Date | null> {
  const address = observedAddress.connection(connectionId);
  return (await listWebhookObservations(db.client, [address])).get(address)?.lastValidAt ?? null;
}

import * as z from 'zod';
import type { OutgoingWebhooks } from '../../../compose/outgoing-webhooks.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import { isAppError } from '../../../core/errors.ts';
import { webhookTypes } from '../../../outbox/webhook-types.ts';
import { endpointRequest, toEndpointView, type WebhookRouteDeps } from '../../api/webhooks.ts';
import { toActor } from '../../auth/access.ts';
import { type ActionResult, defineAction, definePage, optionalField } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

export interface WebhookPageDeps {
  clock: Clock;
  outgoingWebhooks: WebhookRouteDeps['outgoingWebhooks'] & Pick<OutgoingWebhooks, 'countWebhookEvents'>;
}

const path = 'webhooks';
const viewers = ['location', 'agency', 'operator'] as const;
const attemptsShown = 25;
const fields = {
  url: endpointRequest.shape.url,
  // A browser submits a single checked box as text, and none not at all.
  eventTypes: z.preprocess((value) => (value === undefined ? [] : [value].flat()), endpointRequest.shape.eventTypes),
  description: optionalField(z.string().trim().max(200)).transform((text) => text ?? null),
};

/** Creates the pages of a location's webhook endpoints: the list, and one endpoint with its attempts. */
export function createWebhookPages(deps: WebhookPageDeps) {
  return [createListPage(deps), createEndpointPage(deps)];
}

function createListPage({ clock, outgoingWebhooks }: WebhookPageDeps) {
  return definePage({
    path,
    scope: 'location',
    viewers,
    view: 'webhooks',
    permission: 'write',
    nav: { text: 'webhooks.nav', order: 47, isInSettings: true },
    query: z.object({}),

    async show({ location, text, url }) {
      const rows = await outgoingWebhooks.listEndpoints(location.resourceId);
      return {
        title: text('webhooks.title'),
        rows: rows.map((row) => ({ ...toEndpointView(row, dateNow(clock)), href: url(`${path}/endpoint`, { id: row.id }) })),
        types: listTypes(text),
        created: null,
      };
    },

    actions: {
      add: defineAction({
        permission: 'write',
        body: z.object(fields),
        run: ({ location, body, access, text }) =>
          showUrlProblems(text, async () => {
            const { endpoint, secret } = await outgoingWebhooks.addEndpoint(location.resourceId, body, toActor(access));
            return { notice: text('webhooks.added'), viewData: { created: { url: endpoint.url, secret } } };
          }),
      }),
    },
  });
}

function createEndpointPage({ clock, outgoingWebhooks }: WebhookPageDeps) {
  const here = `${path}/endpoint`;
  const id = z.uuid();
  return definePage({
    path: here,
    scope: 'location',
    viewers,
    view: 'webhook-endpoint',
    permission: 'write',
    query: z.object({ id, before: optionalField(z.uuid()), failed: optionalField(z.literal('true')) }),

    async show({ location, query, text, url }) {
      const row = await outgoingWebhooks.getEndpoint(location.resourceId, query.id);
      const failed = query.failed === 'true';
      const page = await outgoingWebhooks.listWebhookAttempts(row.id, { cursor: query.before, limit: attemptsShown, failed });
      const link = { id: row.id, failed: query.failed };
      return {
        title: text('webhooks.endpoint.title'),
        endpoint: toEndpointView(row, dateNow(clock)),
        list: url(path),
        types: listTypes(text),
        counts: await outgoingWebhooks.countWebhookEvents(row.id),
        attempts: page.items.map((one) => ({
          ...one,
          isSuccess: one.status !== null && one.status >= 200 && one.status < 300,
        })),
        failed,
        showAll: url(here, { id: row.id }),
        showFailed: url(here, { id: row.id, failed: 'true' }),
        newest: query.before ? url(here, link) : null,
        older: page.nextCursor && url(here, { ...link, before: page.nextCursor }),
        newSecret: null,
      };
    },

    async version({ location, query }) {
      const row = await outgoingWebhooks.getEndpoint(location.resourceId, query.id);
      const { items } = await outgoingWebhooks.listWebhookAttempts(row.id, { limit: 1 });
      return JSON.stringify([row.disabledAt, row.failingSince, items[0]?.id, items[0]?.outcome]);
    },

    actions: {
      save: defineAction({
        permission: 'write',
        body: z.object({ id, ...fields }),
        run: ({ location, body: { id, ...body }, access, text, url }) =>
          showUrlProblems(text, async () => {
            const row = await outgoingWebhooks.getEndpoint(location.resourceId, id);
            const input = { ...body, isEnabled: !row.disabledAt, rotateSecret: false };
            await outgoingWebhooks.changeEndpoint(row, input, toActor(access));
            return { redirectTo: url(here, { id }), notice: text('webhooks.saved') };
          }),
      }),
      switch: defineAction({
        permission: 'write',
        body: z.object({ id, isEnabled: z.enum(['true', 'false']) }),
        async run({ location, body, access, text, url }) {
          const row = await outgoingWebhooks.getEndpoint(location.resourceId, body.id);
          const isEnabled = body.isEnabled === 'true';
          await outgoingWebhooks.changeEndpoint(row, { ...toInput(row), isEnabled, rotateSecret: false }, toActor(access));
          const notice = text(isEnabled ? 'webhooks.enabled' : 'webhooks.disabled');
          return { redirectTo: url(here, { id: body.id }), notice };
        },
      }),
      rotate: defineAction({
        permission: 'write',
        body: z.object({ id }),
        async run({ location, body, access, text }) {
          const row = await outgoingWebhooks.getEndpoint(location.resourceId, body.id);
          const input = { ...toInput(row), isEnabled: !row.disabledAt, rotateSecret: true };
          const { secret } = await outgoingWebhooks.changeEndpoint(row, input, toActor(access));
          return { notice: text('webhooks.rotated'), viewData: { newSecret: secret } };
        },
      }),
      test: defineAction({
        permission: 'write',
        body: z.object({ id }),
        async run({ location, body, text, url }) {
          await outgoingWebhooks.sendTestWebhook(await outgoingWebhooks.getEndpoint(location.resourceId, body.id));
          return { redirectTo: url(here, { id: body.id }), notice: text('webhooks.tested') };
        },
      }),
      replay: defineAction({
        permission: 'write',
        body: z.object({ id, eventId: optionalField(z.uuid()) }),
        async run({ location, body, access, text, url }) {
          const row = await outgoingWebhooks.getEndpoint(location.resourceId, body.id);
          const wanted = body.eventId ? { eventId: body.eventId } : { since: new Date(0) };
          const count = await outgoingWebhooks.replayWebhooks(row, wanted, toActor(access));
          return { redirectTo: url(here, { id: body.id }), notice: text('webhooks.replayed', { count }) };
        },
      }),
      remove: defineAction({
        permission: 'write',
        body: z.object({ id }),
        async run({ location, body, access, text, url }) {
          await outgoingWebhooks.removeEndpoint({ id: body.id, locationId: location.resourceId }, toActor(access));
          return { redirectTo: url(path), notice: text('webhooks.removed') };
        },
      }),
    },
  });
}

function listTypes(text: Text) {
  return webhookTypes.map((type) => ({ value: type, text: type, help: text(`webhooks.types.${type.replace('.', '_')}`) }));
}

function toInput({ url, eventTypes, description }: { url: string; eventTypes: string[]; description: string | null }) {
  return { url, description, eventTypes: endpointRequest.shape.eventTypes.parse(eventTypes) };
}

/** Shows a URL that is refused at its field. */
async function showUrlProblems(text: Text, run: () => Promise<ActionResult>): Promise<ActionResult> {
  try {
    return await run();
  } catch (error) {
    if (isAppError(error, 'request_invalid')) return { errors: { url: text('webhooks.wrongUrl') } };
    if (isAppError(error, 'private_address')) return { errors: { url: text('webhooks.privateUrl') } };
    throw error;
  }
}

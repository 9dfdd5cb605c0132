import * as z from 'zod';
import type { Connection } from '../../../connections/connection.ts';
import { conditionKinds, getCondition, type RoutingPolicy, routingPolicy } from '../../../connections/routing-policy.ts';
import { AppError, isAppError } from '../../../core/errors.ts';
import type { RoutingStep } from '../../../messages/routing/decide-sender.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage, optionalField, type PageInput } from '../framework/page.ts';
import { type Text, toReasonText } from '../framework/texts.ts';
import { type ChannelPageDeps, getProvider, toChannelName, toProviderName } from './providers.ts';

const connectionBody = z.object({ connectionId: z.uuid() });
const choice = z.object({ connectionId: z.uuid(), sender: optionalField(z.string().trim().min(1).max(320)) });
const ruleBody = choice.extend({ kind: z.enum(conditionKinds), value: z.string().trim().min(1).max(320) });
const previewBody = z.object({
  to: z.string().trim().min(1).max(320),
  contactId: optionalField(z.string().trim().max(128)),
  text: optionalField(z.string().max(1_000)),
});

type LocationInput = PageInput & { location: { resourceId: string }; providerKey: string };

/** Creates the page of a provider's connections in their order, the rules by which messages find one, and a dry run. */
export function createRoutingPage(deps: ChannelPageDeps) {
  const { connections } = deps;
  const toRef = ({ location, providerKey }: LocationInput) => {
    getProvider(deps, providerKey);
    return { locationId: location.resourceId, providerKey };
  };
  const list = async (input: LocationInput) => {
    const ref = toRef(input);
    return (await connections.listConnections(ref.locationId)).filter(({ providerKey }) => providerKey === ref.providerKey);
  };
  /** Changes one of the provider's own connections: the form names it, and the location decides. */
  const find = async (input: LocationInput, id: string) => {
    const found = (await list(input)).find((connection) => connection.id === id);
    if (found) return found;
    throw new AppError('not_found', 'There is no such connection.');
  };
  const arrange = (change: (connection: Connection) => Parameters<typeof connections.arrangeConnection>[1]) =>
    defineAction({
      permission: 'write',
      body: connectionBody,
      async run(input) {
        const connection = await find(input, input.body.connectionId);
        await connections.arrangeConnection(connection, change(connection), toActor(input.access));
        return { notice: input.text('routing.saved') };
      },
    });
  const changePolicy = async (input: LocationInput, change: (policy: RoutingPolicy) => unknown) => {
    const ref = toRef(input);
    const policy = routingPolicy.parse(change(await connections.getRoutingPolicy(ref)));
    await connections.setRoutingPolicy(ref, policy, toActor(input.access));
    return { notice: input.text('routing.saved') };
  };

  return definePage({
    path: 'channels/:providerKey/routing',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel-routing',
    query: z.object({}),

    async show(input) {
      const { text, providerKey } = input;
      const found = await list(input);
      const policy = await connections.getRoutingPolicy(toRef(input));
      const names = new Map(found.map((connection) => [connection.id, toName(text, connection)]));
      const provider = toProviderName(deps, text, getProvider(deps, providerKey));
      return {
        title: text('routing.title', { provider }),
        provider,
        providerKey,
        connections: found.map((connection) => toRow(text, connection)),
        rules: policy.rules.map((rule) => ({
          ...getCondition(rule),
          to: names.get(rule.connectionId) ?? text('routing.removed'),
          sender: rule.sender,
        })),
        pool: policy.spread.map(({ connectionId, sender, weight }) => ({
          to: names.get(connectionId) ?? text('routing.removed'),
          sender,
          weight,
        })),
        policy,
        conditionKinds,
      };
    },

    async version(input) {
      const found = await list(input);
      return JSON.stringify(found.map(({ id, updatedAt, status }) => [id, updatedAt, status]));
    },

    actions: {
      rename: defineAction({
        permission: 'write',
        body: connectionBody.extend({ name: optionalField(z.string().trim().min(1).max(100)) }),
        async run(input) {
          const connection = await find(input, input.body.connectionId);
          const { name = null } = input.body;
          await connections.arrangeConnection(connection, { name }, toActor(input.access));
          return { notice: input.text('routing.saved') };
        },
      }),
      up: arrange(({ position }) => ({ position: Math.max(position - 1, 0) })),
      makeDefault: arrange(() => ({ isDefault: true })),
      pause: arrange(() => ({ isPaused: true })),
      resume: arrange(() => ({ isPaused: false })),
      remove: defineAction({
        permission: 'write',
        body: connectionBody,
        async run(input) {
          const { id } = await find(input, input.body.connectionId);
          await connections.disconnect({ ...toRef(input), connectionId: id }, toActor(input.access));
          return { notice: input.text('routing.connections.isRemoved') };
        },
      }),
      addRule: defineAction({
        permission: 'write',
        body: ruleBody,
        async run(input) {
          const { kind, value, connectionId, sender } = input.body;
          const rule = { when: { [kind]: value }, connectionId, ...(sender ? { sender } : {}) };
          const checked = routingPolicy.shape.rules.safeParse([rule]);
          if (!checked.success) return { errors: { value: input.text(`routing.kinds.${kind}.wrong`) } };
          return changePolicy(input, (policy) => ({ ...policy, rules: [...policy.rules, ...(checked.data ?? [])] }));
        },
      }),
      removeRule: defineAction({
        permission: 'write',
        body: z.object({ index: z.coerce.number().int().min(0).max(200) }),
        run: (input) =>
          changePolicy(input, (policy) => ({ ...policy, rules: policy.rules.filter((_rule, at) => at !== input.body.index) })),
      }),
      addToPool: defineAction({
        permission: 'write',
        body: choice.extend({ weight: z.coerce.number().int().min(1).max(1000) }),
        run: ({ body: { connectionId, sender, weight }, ...input }) =>
          changePolicy({ ...input }, (policy) => ({
            ...policy,
            spread: [...policy.spread, { connectionId, weight, ...(sender ? { sender } : {}) }],
          })),
      }),
      emptyPool: defineAction({
        permission: 'write',
        body: z.object({}),
        run: (input) => changePolicy(input, (policy) => ({ ...policy, spread: [] })),
      }),
      setPolicy: defineAction({
        permission: 'write',
        body: z.object({ sticky: z.literal('yes').optional(), whenUnavailable: z.enum(['wait', 'fail', 'next']) }),
        run: (input) =>
          changePolicy(input, (policy) => ({
            ...policy,
            sticky: input.body.sticky === 'yes',
            whenUnavailable: input.body.whenUnavailable,
          })),
      }),
      preview: defineAction({
        permission: 'read',
        body: previewBody,
        async run(input) {
          const { text } = input;
          try {
            const { decision, connection } = await deps.messaging.previewRoute(toRef(input), input.body);
            const steps = toStepRows(text, decision.steps);
            return { viewData: { asked: input.body, decision: { ...decision, steps, to: toName(text, connection) } } };
          } catch (error) {
            if (!isAppError(error, 'highlevel_limit', 'highlevel_unreachable', 'highlevel_failed')) throw error;
            return { errors: { contactId: error.message } };
          }
        },
      }),
    },
  });
}

function toName(text: Text, connection: Connection): string {
  return connection.name ?? connection.account ?? toChannelName(text, connection.channel);
}

function toRow(text: Text, connection: Connection) {
  const { id, name, isDefault, pausedAt, status, statusReason, channel } = connection;
  return {
    id,
    name: toName(text, connection),
    ownName: name,
    channel: toChannelName(text, channel),
    isDefault,
    isPaused: pausedAt !== null,
    status,
    reason: statusReason && toReasonText(text, statusReason),
  };
}

/** Translates the explanation of a decision. */
export function toStepRows(text: Text, steps: readonly RoutingStep[]) {
  return steps.map(({ rule, result, value, because }) => ({
    rule: text(`routing.rules.${rule}`),
    result: [text(`routing.results.${result}`), because ? text(`routing.because.${because}`) : null].filter(Boolean).join(' '),
    value: value ?? null,
    isDecisive: !['off', 'no_match', 'unknown', 'removed'].includes(result),
  }));
}

import * as z from 'zod';
import type { Installations } from '../../../compose/installations.ts';
import { conditionKinds, getCondition, type RoutingPolicy, routingPolicy } from '../../../connections/routing-policy.ts';
import { isAppError } from '../../../core/errors.ts';
import type { Installation } from '../../../installations/store.ts';
import type { RoutingStep } from '../../../messages/routing/decide-sender.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage, optionalField, type PageInput } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';
import { createConnectionActions, listConnectionRows, listProviderConnections, toConnectionName } from './connection-list.ts';
import { type ChannelPageDeps, getProvider, toProviderName } from './providers.ts';
import { getChannelsVersion } from './status.ts';

const choice = z.object({ connectionId: z.uuid(), sender: optionalField(z.string().trim().min(1).max(320)) });
const ruleBody = choice.extend({ kind: z.enum(conditionKinds), value: z.string().trim().min(1).max(320) });
const previewBody = z.object({
  to: z.string().trim().min(1).max(320),
  contactId: optionalField(z.string().trim().max(128)),
  text: optionalField(z.string().max(1_000)),
});

/** A rule by its place and as it was shown: in another tab, or by another person, the rules may have changed since. */
const shownRule = z.object({ index: z.coerce.number().int().min(0).max(200), rule: z.string() });
type Rules = RoutingPolicy['rules'];

export interface RoutingPageDeps extends ChannelPageDeps {
  installations: Pick<Installations, 'listLocationUsers'>;
}

type LocationInput = PageInput & { location: Installation; providerKey: string };

/** Creates the page of a provider's connections in their order, the rules by which messages find one, and a dry run. */
export function createRoutingPage(deps: RoutingPageDeps) {
  const { connections } = deps;
  const toRef = ({ location, providerKey }: LocationInput) => {
    getProvider(deps, providerKey);
    return { locationId: location.resourceId, providerKey };
  };
  /** @param change returns null when the rules are not those that were shown */
  const changePolicy = async (input: LocationInput, change: (policy: RoutingPolicy) => object | null) => {
    const ref = toRef(input);
    const changed = change(await connections.getRoutingPolicy(ref));
    if (changed === null) return { notice: input.text('routing.rules.changed') };
    const policy = routingPolicy.parse(changed);
    await connections.setRoutingPolicy(ref, policy, toActor(input.access));
    return { notice: input.text('routing.saved') };
  };
  const changeRule = (
    input: LocationInput & { body: z.output<typeof shownRule> },
    change: (rules: Rules, index: number) => Rules,
  ) => {
    const { index, rule } = input.body;
    return changePolicy(input, (policy) =>
      JSON.stringify(policy.rules[index]) === rule ? { ...policy, rules: change(policy.rules, index) } : null,
    );
  };

  return definePage({
    path: 'channels/:providerKey/routing',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel-routing',
    query: z.object({}),

    async show(input) {
      const { text, providerKey } = input;
      const found = await listProviderConnections(deps, input);
      const policy = await connections.getRoutingPolicy(toRef(input));
      const users = await deps.installations.listLocationUsers(input.location);
      const names = new Map(found.map((connection) => [connection.id, toConnectionName(text, connection)]));
      const provider = toProviderName(deps, text, getProvider(deps, providerKey));
      return {
        title: text('routing.title', { provider }),
        provider,
        providerKey,
        connections: await listConnectionRows(deps, input),
        users: users?.map(({ id, name }) => ({ value: id, text: name })) ?? null,
        rules: policy.rules.map((rule) => ({
          ...getCondition(rule),
          userName: users?.find(({ id }) => id === rule.when.assignedTo)?.name ?? null,
          to: names.get(rule.connectionId) ?? text('routing.removed'),
          sender: rule.sender,
          shown: JSON.stringify(rule),
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

    version: ({ location }) => getChannelsVersion(deps, location),

    actions: {
      ...createConnectionActions(deps),
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
      moveRule: defineAction({
        permission: 'write',
        body: shownRule.extend({ to: z.enum(['up', 'down']) }),
        run: (input) => changeRule(input, (rules, index) => move(rules, index, input.body.to)),
      }),
      removeRule: defineAction({
        permission: 'write',
        body: shownRule,
        run: (input) => changeRule(input, (rules, index) => rules.filter((_rule, at) => at !== index)),
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
            return {
              viewData: { asked: input.body, decision: { ...decision, steps, to: toConnectionName(text, connection) } },
            };
          } catch (error) {
            if (!isAppError(error, 'highlevel_limit', 'highlevel_unreachable', 'highlevel_failed')) throw error;
            return { errors: { contactId: error.message } };
          }
        },
      }),
    },
  });
}

/** Moves an element one place up or down; one at the end stays. */
function move<Element>(list: readonly Element[], index: number, to: 'up' | 'down'): Element[] {
  const target = to === 'up' ? index - 1 : index + 1;
  const [moved, other] = [list[index], list[target]];
  if (moved === undefined || other === undefined) return [...list];
  return list.with(index, other).with(target, moved);
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

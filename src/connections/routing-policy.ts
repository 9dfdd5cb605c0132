import * as z from 'zod';
import { type Actor, audit } from '../audit/audit-log.ts';
import { maxChars } from '../core/bounds.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { formatCount } from '../core/format-count.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import type { ConnectionRef } from './connection.ts';
import { arrangeGroups, lockProvider } from './own-groups.ts';

/** Kinds of conditions, in the order in which their rules are asked. */
export const conditionKinds = ['override', 'tag', 'assignedTo', 'country', 'prefix'] as const;

export type ConditionKind = (typeof conditionKinds)[number];

const optional = (maxLength: number) => z.string().trim().min(1).max(maxLength).optional();

const condition = z
  .strictObject({
    override: z
      .string()
      .regex(/^[\p{L}\p{N}_-]{1,20}$/u, { error: 'must be 1 to 20 letters or digits' })
      .optional()
      .describe('Start of the text, without its #: `2` for messages that start with “#2 ”. It is cut off the text.'),
    tag: optional(200).describe('Tag of the contact.'),
    assignedTo: optional(maxChars.highlevelId).describe('Id of the user to whom the contact is assigned.'),
    country: z
      .string()
      .trim()
      .toUpperCase()
      .regex(/^[A-Z]{2}$/, { error: 'must be a country code of two letters, such as US' })
      .optional()
      .describe('Country of the phone number (ISO 3166).'),
    prefix: optional(maxChars.address).describe('Start of the address, such as +4479.'),
  })
  .refine((when) => Object.values(when).filter((value) => value !== undefined).length === 1, {
    error: 'must name exactly one of override, tag, assignedTo, country and prefix',
  });

const target = {
  // Compared with stored ids as text; Swift, for one, writes ids in capitals.
  connectionId: z.uuid().toLowerCase(),
  sender: optional(maxChars.address).describe('Number or address of the connection; without it the connection’s own.'),
};

/** The rules of a location's provider, as stored and in the API. */
export const routingPolicy = z.object({
  rules: z
    .array(z.strictObject({ when: condition, ...target }))
    .max(200)
    .default([])
    .describe(
      'Asked by kind: override, tag, assignedTo, country and prefix together; within a kind in this order. The first that matches decides.',
    ),
  sticky: z
    .boolean()
    .default(false)
    .describe('Where no rule matches: the connection and sender that the contact last wrote to or heard from.'),
  spread: z
    .array(z.strictObject({ ...target, weight: z.int().min(1).max(1000).default(1) }))
    .max(50)
    .default([])
    .describe('Then: contacts are spread over these by weight, each always to the same one.'),
  whenUnavailable: z
    .enum(['wait', 'fail', 'next'])
    .default('wait')
    .describe(
      'While the chosen one is held, paused or over its daily cap: messages wait, fail, or go to the next available connection.',
    ),
});

export type RoutingPolicy = z.output<typeof routingPolicy>;
export type RoutingRule = RoutingPolicy['rules'][number];

/** The policy where none is stored: the default connection carries all messages. */
export const emptyPolicy: RoutingPolicy = routingPolicy.parse({});

/** Returns the condition of a rule. */
export function getCondition({ when }: RoutingRule): { kind: ConditionKind; value: string } {
  const [kind, value] = Object.entries(when).find(([, given]) => given !== undefined) as [ConditionKind, string];
  return { kind, value };
}

/** Reads a stored policy. One that this version can't read routes nothing. */
export function readPolicy(stored: unknown): RoutingPolicy {
  const result = routingPolicy.safeParse(stored);
  return result.success ? result.data : emptyPolicy;
}

/** Finds the policy of a provider; the empty one where none is stored. */
export async function getRoutingPolicy({ db }: { db: Database }, ref: ConnectionRef): Promise<RoutingPolicy> {
  const { locationId, providerKey } = ref;
  const row = await db.client.routingPolicy.findUnique({ where: { locationId_providerKey: { locationId, providerKey } } });
  return row ? readPolicy(row.policy) : emptyPolicy;
}

/** Loads the stored policies of providers. */
export function listRoutingPolicies(on: Executor, refs: readonly ConnectionRef[]) {
  const OR = refs.map(({ locationId, providerKey }) => ({ locationId, providerKey }));
  return on.routingPolicy.findMany({ where: { OR } });
}

/** Returns whether a policy asks for tags or assigned users. */
export function needsContact({ rules }: RoutingPolicy): boolean {
  return rules.some(({ when }) => when.tag !== undefined || when.assignedTo !== undefined);
}

/** Returns whether a policy of a location asks for tags or assigned users. */
export async function isContactNeeded(on: Executor, locationId: string): Promise<boolean> {
  const rows = await on.routingPolicy.findMany({ where: { locationId }, select: { policy: true } });
  return rows.some(({ policy }) => needsContact(readPolicy(policy)));
}

export interface SetPolicyDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/**
 * Stores the policy of a provider; the empty one deletes it.
 *
 * @throws AppError `request_invalid`: a rule names no connection of the provider; `conflict`: the provider has no connection
 */
export async function setRoutingPolicy(
  deps: SetPolicyDeps,
  { locationId, providerKey }: ConnectionRef,
  policy: RoutingPolicy,
  actor: Actor,
): Promise<void> {
  const now = dateNow(deps.clock);
  const ref = { locationId, providerKey };
  await deps.db.transaction(async (tx) => {
    await lockProvider(tx, ref);
    const rows = await tx.connection.findMany({ where: { ...ref, disabledAt: null }, select: { id: true } });
    if (rows.length === 0) throw new AppError('conflict', 'Connect a channel for this provider first.');
    requireKnown(policy, new Set(rows.map(({ id }) => id)));
    const where = { locationId_providerKey: ref };
    if (isEmpty(policy)) await tx.routingPolicy.deleteMany({ where: ref });
    else
      await tx.routingPolicy.upsert({ where, create: { ...ref, policy, updatedAt: now }, update: { policy, updatedAt: now } });
    await arrangeGroups(tx, ref, now);
    const details = `${providerKey}: ${formatCount(policy.rules.length, 'rule')}.`;
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      { actor, action: 'routing_changed', locationId, providerKey, details },
    );
  });
}

function isEmpty({ rules, sticky, spread, whenUnavailable }: RoutingPolicy): boolean {
  return rules.length === 0 && !sticky && spread.length === 0 && whenUnavailable === emptyPolicy.whenUnavailable;
}

function requireKnown({ rules, spread }: RoutingPolicy, known: ReadonlySet<string>): void {
  const details = [...Object.entries({ rules, spread })].flatMap(([name, list]) =>
    list.flatMap(({ connectionId }, index) =>
      known.has(connectionId) ? [] : [`body.${name}.${index}.connectionId: is no connection of this provider`],
    ),
  );
  if (details.length > 0) throw new AppError('request_invalid', 'A rule names a connection that does not exist.', { details });
}

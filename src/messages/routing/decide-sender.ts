import { createHash } from 'node:crypto';
import { type ConditionKind, getCondition, type RoutingPolicy, type RoutingRule } from '../../connections/routing-policy.ts';

/** Why a connection or a sender sends nothing for now. */
export const unavailableReasons = ['held', 'pairing', 'paused', 'over_cap'] as const;

export type UnavailableReason = (typeof unavailableReasons)[number];

/** A sender of a connection that has settings of its own. */
export interface RoutableSender {
  readonly address: string;
  readonly unavailable: UnavailableReason | null;
}

/** A connection among which a decision chooses. */
export interface RoutableConnection {
  readonly id: string;
  readonly isDefault: boolean;
  readonly unavailable: UnavailableReason | null;
  /** The sender from which it sends where none is chosen. */
  readonly ownSender: string | null;
  readonly senders: readonly RoutableSender[];
}

/** A connection and one of its senders; null for its own. */
export interface SenderChoice {
  readonly connectionId: string;
  readonly sender: string | null;
}

/** The sender that a workflow has chosen for its message; `connectionId` is null where no connection is known to have it. */
export interface RequestedSender {
  readonly connectionId: string | null;
  readonly sender: string;
}

/** What a decision depends on. */
export interface RoutingFacts {
  readonly policy: RoutingPolicy;
  /** In their order; at least one. */
  readonly connections: readonly RoutableConnection[];
  readonly message: {
    readonly to: string | null;
    readonly text: string | null;
    /** Country of the address, two letters. */
    readonly country: string | null;
    /** Same for all messages of a contact. */
    readonly contactKey: string;
  };
  /** Null where HighLevel does not say. */
  readonly contact: { readonly tags: readonly string[]; readonly assignedTo: string | null } | null;
  /** What the contact last wrote to or heard from. */
  readonly lastUsed: SenderChoice | null;
  /** Null for a message whose sender no workflow has chosen. */
  readonly requested: RequestedSender | null;
}

export const routingRules = ['workflow', 'override', 'tag', 'assignedTo', 'address', 'sticky', 'spread', 'default'] as const;

export type RuleName = (typeof routingRules)[number];

/**
 * What a rule found. `off`: it is not set up; `unknown`: HighLevel says nothing about the contact; `removed`: it names a connection that is
 * gone; `replaced`: chosen and unavailable, so the next one is used; `waits` and `fails`: chosen and unavailable.
 */
export const stepResults = ['off', 'no_match', 'unknown', 'removed', 'chosen', 'replaced', 'waits', 'fails'] as const;

/** One line of the explanation. */
export interface RoutingStep {
  readonly rule: RuleName | 'next';
  readonly result: (typeof stepResults)[number];
  /** The tag, user, country, prefix or override that matched. */
  readonly value?: string;
  /** Why the chosen one is unavailable. */
  readonly because?: UnavailableReason;
}

/** Which connection and sender carry a message, by which rule, and why. */
export interface RoutingDecision extends SenderChoice {
  readonly rule: RuleName;
  /** Rules in their order, up to the one that decided. */
  readonly steps: readonly RoutingStep[];
  /** The message fails, as what was chosen is unavailable. */
  readonly fails: boolean;
  /** The text without its override. */
  readonly text: string | null;
}

/**
 * Decides which connection and sender carry a message. Pure and total: the same facts give the same decision, and each is explained. The
 * order is: the sender that a workflow has chosen, override in the text, tag, assigned user, country or prefix, sticky, spread, default.
 */
export function decideSender(facts: RoutingFacts): RoutingDecision {
  const steps: RoutingStep[] = [];
  const override = findOverride(facts);
  for (const rule of routingRules) {
    if (rule === 'workflow' && facts.requested === null) continue;
    const found = askRule(facts, rule, override);
    if ('choice' in found) {
      const text = rule === 'override' && override ? override.rest : facts.message.text;
      return { ...settleAvailability(facts, rule, found, steps), rule, text };
    }
    steps.push({ rule, ...found });
  }
  const { sender } = facts.requested ?? toDefault(facts);
  return { ...toDefault(facts), sender, rule: 'default', steps, fails: false, text: facts.message.text };
}

type Found = { choice: SenderChoice; value?: string } | { result: 'off' | 'no_match' | 'unknown' | 'removed'; value?: string };

function askRule(facts: RoutingFacts, rule: RuleName, override: Override | null): Found {
  const { policy, contact, lastUsed } = facts;
  switch (rule) {
    case 'workflow':
      return findOfWorkflow(facts);
    case 'override':
      return findRule(facts, ['override'], (_kind, value) => value.toLowerCase() === override?.value);
    case 'tag':
    case 'assignedTo':
      return findRule(facts, [rule], contact && ((kind, value) => matchesContact(contact, kind, value)));
    case 'address':
      return findRule(facts, ['country', 'prefix'], (kind, value) => matchesAddress(facts.message, kind, value));
    case 'sticky':
      if (!policy.sticky) return { result: 'off' };
      if (!lastUsed) return { result: 'no_match' };
      return findConnection(facts, lastUsed.connectionId) ? { choice: lastUsed } : { result: 'removed' };
    case 'spread':
      return spread(facts);
    case 'default':
      return { choice: toDefault(facts) };
  }
}

/** Without a connection that is known to have it, the rules choose one, which sends from it: the vendor then accepts or rejects it. */
function findOfWorkflow(facts: RoutingFacts): Found {
  if (!facts.requested) return { result: 'off' };
  const { connectionId, sender } = facts.requested;
  if (connectionId === null) return { result: 'no_match', value: sender };
  if (!findConnection(facts, connectionId)) return { result: 'removed', value: sender };
  return { choice: { connectionId, sender }, value: sender };
}

/** Finds the first rule of these kinds that matches and names a connection which exists. */
function findRule(
  facts: RoutingFacts,
  kinds: readonly ConditionKind[],
  matches: ((kind: ConditionKind, value: string) => boolean) | null,
): Found {
  const rules = facts.policy.rules.map((rule) => ({ rule, ...getCondition(rule) })).filter(({ kind }) => kinds.includes(kind));
  if (rules.length === 0) return { result: 'off' };
  if (matches === null) return { result: 'unknown' };
  const matching = rules.filter(({ kind, value }) => matches(kind, value));
  const usable = matching.find(({ rule }) => findConnection(facts, rule.connectionId));
  if (usable) return { choice: toChoice(usable.rule), value: usable.value };
  return { result: matching.length > 0 ? 'removed' : 'no_match' };
}

interface Override {
  /** In small letters. */
  readonly value: string;
  readonly rest: string;
}

/** Reads `#2 ` at the start of a text, where a rule has such an override. Text that has nothing behind it is no override. */
function findOverride({ policy, message }: RoutingFacts): Override | null {
  const [start, value] = /^\s*#([\p{L}\p{N}_-]{1,20})\s+(?=\S)/u.exec(message.text ?? '') ?? [];
  if (start === undefined || value === undefined) return null;
  const isKnown = policy.rules.some(({ when }) => when.override?.toLowerCase() === value.toLowerCase());
  return isKnown ? { value: value.toLowerCase(), rest: (message.text ?? '').slice(start.length) } : null;
}

function matchesContact(contact: NonNullable<RoutingFacts['contact']>, kind: ConditionKind, value: string): boolean {
  if (kind === 'assignedTo') return contact.assignedTo === value;
  return contact.tags.some((tag) => tag.trim().toLowerCase() === value.toLowerCase());
}

function matchesAddress({ to, country }: RoutingFacts['message'], kind: ConditionKind, value: string): boolean {
  if (kind === 'country') return country === value;
  return to?.toLowerCase().startsWith(value.toLowerCase()) ?? false;
}

/**
 * Chooses from the pool by weighted rendezvous hashing: a contact keeps its choice while that is in the pool, and a change of the pool moves
 * only the contacts that it has to. With `next` the choice is among those that are available.
 */
function spread(facts: RoutingFacts): Found {
  const { policy, message } = facts;
  if (policy.spread.length === 0) return { result: 'off' };
  const existing = policy.spread.filter(({ connectionId }) => findConnection(facts, connectionId));
  if (existing.length === 0) return { result: 'removed' };
  const open = existing.filter((member) => findUnavailable(facts, toChoice(member)) === null);
  const pool = policy.whenUnavailable === 'next' && open.length > 0 ? open : existing;
  const scored = pool.map((member) => ({ member, score: toScore(message.contactKey, member) }));
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  return { choice: toChoice(best.member) };
}

function toScore(contactKey: string, { connectionId, sender, weight }: RoutingPolicy['spread'][number]): number {
  const hash = createHash('sha256')
    .update(JSON.stringify([contactKey, connectionId, sender ?? null]))
    .digest();
  return -weight / Math.log((hash.readUIntBE(0, 6) + 0.5) / 2 ** 48);
}

/** Applies what the policy says for the time in which the chosen one is unavailable. */
function settleAvailability(
  facts: RoutingFacts,
  rule: RuleName,
  found: Extract<Found, { choice: SenderChoice }>,
  before: readonly RoutingStep[],
): SenderChoice & Pick<RoutingDecision, 'steps' | 'fails'> {
  const { value } = found;
  const choice = { ...found.choice, sender: facts.requested?.sender ?? found.choice.sender };
  const because = findUnavailable(facts, choice);
  const toSteps = (result: RoutingStep['result'], ...more: RoutingStep[]) => [
    ...before,
    { rule, result, ...(value === undefined ? {} : { value }), ...(because ? { because } : {}) },
    ...more,
  ];
  if (because === null) return { ...choice, steps: toSteps('chosen'), fails: false };
  if (facts.policy.whenUnavailable === 'fail') return { ...choice, steps: toSteps('fails'), fails: true };
  const next = facts.policy.whenUnavailable === 'next' ? findNext(facts, choice) : null;
  if (!next) return { ...choice, steps: toSteps('waits'), fails: false };
  return { ...next, steps: toSteps('replaced', { rule: 'next', result: 'chosen' }), fails: false };
}

/** Finds the next available connection in the order, behind the chosen one and then from the start. */
function findNext(facts: RoutingFacts, { connectionId, sender }: SenderChoice): SenderChoice | null {
  const { connections } = facts;
  const at = connections.findIndex(({ id }) => id === connectionId);
  const others = [...connections.slice(at + 1), ...connections.slice(0, at)].map(({ id }) => ({
    connectionId: id,
    sender: null,
  }));
  // Another sender of the same connection first: the contact sees the same kind of account.
  const same = sender === null ? [] : [{ connectionId, sender: null }];
  return [...same, ...others].find((candidate) => findUnavailable(facts, candidate) === null) ?? null;
}

/** Finds why a choice sends nothing for now; null when it does. */
function findUnavailable(facts: RoutingFacts, { connectionId, sender }: SenderChoice): UnavailableReason | null {
  const connection = findConnection(facts, connectionId);
  if (!connection) return null;
  const address = sender ?? connection.ownSender;
  return connection.unavailable ?? connection.senders.find((one) => one.address === address)?.unavailable ?? null;
}

function findConnection({ connections }: RoutingFacts, id: string): RoutableConnection | undefined {
  return connections.find((connection) => connection.id === id);
}

function toDefault({ connections }: RoutingFacts): SenderChoice {
  const { id } = connections.find(({ isDefault }) => isDefault) ?? (connections[0] as RoutableConnection);
  return { connectionId: id, sender: null };
}

function toChoice({ connectionId, sender }: Pick<RoutingRule, 'connectionId' | 'sender'>): SenderChoice {
  return { connectionId, sender: sender ?? null };
}

import type { OptOutCategory } from '../../channels/channel.ts';

/**
 * Source of an opt-out. `contact`: a STOP that this program recognised; `vendor`: reported by the vendor; `user` and `operator`: added by
 * hand; `highlevel`: a do-not-disturb that others have set there.
 */
export type OptOutSource = 'contact' | 'vendor' | 'user' | 'operator' | 'highlevel';

/** An opt-out or an opt-in, with the time at which it happened. */
export interface OptOutEvent {
  readonly optedOut: boolean;
  /** An opt-in of `all` also lifts opt-outs of marketing. */
  readonly category: OptOutCategory;
  readonly source: OptOutSource;
  readonly occurredAt: Date;
  /** The opt-in leaves no row where it finds no opt-out: it may have meant something else, and would leave too many. */
  readonly onlyLifts?: boolean;
}

/** What the ledger holds about one address. */
export interface LedgerState {
  readonly open: readonly OpenOptOut[];
  /** Newest opt-ins that have been recorded. */
  readonly optIns: readonly { category: OptOutCategory; isByHighLevel: boolean; at: Date }[];
}

export interface OpenOptOut {
  readonly id: string;
  readonly category: OptOutCategory;
  readonly source: string;
  readonly confirmedAt: Date;
}

export type LedgerChange =
  /** A new row. */
  | { readonly kind: 'open' }
  /** The open row is confirmed by a newer event. */
  | { readonly kind: 'confirm'; readonly id: string }
  /** `isMirrored`: HighLevel's do-not-disturb follows it. */
  | { readonly kind: 'lift'; readonly id: string; readonly isMirrored: boolean }
  /** A row for an opt-in that found no opt-out. */
  | { readonly kind: 'mark' };

/**
 * Decides what an event changes, by the times at which events happened: whatever their order and however often each arrives, an address is
 * opted out if its newest event is an opt-out. An opt-out wins over an opt-in of the same millisecond.
 *
 * HighLevel's do-not-disturb is apart from the opt-outs that contacts, vendors and users cause: clearing it there lifts none of those. A
 * contact's opt-in lifts both.
 */
export function decideChanges(state: LedgerState, event: OptOutEvent): LedgerChange[] {
  return event.optedOut ? decideOptOut(state, event) : decideOptIn(state, event);
}

function decideOptOut(state: LedgerState, event: OptOutEvent): LedgerChange[] {
  const { category, occurredAt } = event;
  const isOwnKind = (row: OpenOptOut) => row.category === category && isHighLevel(row) === isHighLevel(event);
  const open = state.open.find(isOwnKind);
  if (open) return occurredAt > open.confirmedAt ? [{ kind: 'confirm', id: open.id }] : [];
  return findLastOptInMs(state, category, isHighLevel(event)) > occurredAt.getTime() ? [] : [{ kind: 'open' }];
}

function decideOptIn(state: LedgerState, event: OptOutEvent): LedgerChange[] {
  const { category, occurredAt } = event;
  const isAffected = (row: OpenOptOut) =>
    (category === 'all' || row.category === category) && (isHighLevel(row) || !isHighLevel(event));
  const lifted = state.open.filter((row) => isAffected(row) && row.confirmedAt < occurredAt);
  const changes = lifted.map(
    (row): LedgerChange => ({ kind: 'lift', id: row.id, isMirrored: !isHighLevel(row) && row.category === 'all' }),
  );
  // A lifted row remembers this opt-in. An open row does not: an older opt-out of another kind may still arrive.
  const isRemembered = lifted.some((row) => row.category === category);
  const isKnown = findLastOptInMs(state, category, isHighLevel(event)) >= occurredAt.getTime();
  return isRemembered || isKnown || event.onlyLifts ? changes : [...changes, { kind: 'mark' }];
}

/** Returns the time of the newest opt-in that applies to a category; those from HighLevel count for its own do-not-disturb alone. */
function findLastOptInMs({ optIns }: LedgerState, category: OptOutCategory, includesHighLevel: boolean): number {
  const times = optIns
    .filter((optIn) => optIn.category === 'all' || optIn.category === category)
    .filter(({ isByHighLevel }) => includesHighLevel || !isByHighLevel)
    .map(({ at }) => at.getTime());
  return Math.max(Number.NEGATIVE_INFINITY, ...times);
}

function isHighLevel({ source }: { source: string }): boolean {
  return source === 'highlevel';
}

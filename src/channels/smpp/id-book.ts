import { applyRule, convertId, type IdForm, type IdRule, idForms, learnRule, mergeRules, normalizeId } from './message-ids.ts';

/** An id of a response and the recipient of its message. */
export interface KnownId {
  readonly id: string;
  readonly to: string;
}

/** A receipt that no known message fits while no rule is known. */
export interface UnmatchedReceipt {
  readonly ids: readonly string[];
  readonly to: string;
  readonly state: 'delivered' | 'failed';
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** What outlives the session. */
export interface IdBookState {
  readonly rule: IdRule | null;
  /** Newest ids, as long as no rule is known. */
  readonly recent: readonly KnownId[];
  readonly unmatched: readonly UnmatchedReceipt[];
}

/** Ids of this session's messages, and the rule by which receipts name them. */
export interface IdBook {
  /** Notes the id of a response. @returns receipts that came before it and are its own */
  remember(known: KnownId): UnmatchedReceipt[];
  /** Finds the response's id that a receipt means. `isNews`: the rule has changed by it */
  resolve(receipt: { ids: readonly string[]; to: string }): { externalId: string; isKnown: boolean; isNews: boolean } | null;
  /** Keeps a receipt until a rule is known. */
  keep(receipt: UnmatchedReceipt): void;
  hasRule(): boolean;
  getState(): IdBookState;
}

const maxKnown = 20_000;
const maxRecent = 100;
const maxUnmatched = 100;
/** Digits at the end that two spellings of a number have in common. */
const tailDigits = 6;

/**
 * Creates the book of ids. A receipt is matched with the ids of this session in each form, its rule is learned from the first match and from then
 * on applied to those that the session does not know, such as those of a process before it.
 *
 * @param fixedForm what a person has set
 */
export function createIdBook(saved: IdBookState, fixedForm: IdForm | null): IdBook {
  const known = new Map<string, KnownId[]>();
  const order: string[] = [];
  let rule = fixedForm ? (saved.rule?.form === fixedForm ? saved.rule : null) : saved.rule;
  let recent = [...saved.recent];
  let unmatched = [...saved.unmatched];

  function add(entry: KnownId): void {
    const key = normalizeId(entry.id);
    known.set(key, [...(known.get(key) ?? []), entry]);
    order.push(key);
    if (order.length <= maxKnown) return;
    const oldest = order.shift() as string;
    const rest = known.get(oldest)?.slice(1) ?? [];
    if (rest.length > 0) known.set(oldest, rest);
    else known.delete(oldest);
  }
  for (const entry of recent) add(entry);

  function listForms(): readonly IdForm[] {
    if (fixedForm) return [fixedForm];
    const learned = rule?.form;
    return learned ? [learned, ...idForms.filter((form) => form !== learned)] : idForms;
  }

  /** The same digits may be the id of another message in another form: the recipient decides. Some carriers write it differently. */
  function match(ids: readonly string[], to: string): { entry: KnownId; rule: IdRule } | null {
    const forms = listForms();
    const isSameRecipient = (entry: KnownId) => toTail(entry.to) === toTail(to);
    const found = matchAmong(ids, forms, isSameRecipient);
    return found || forms[0] !== 'same' ? found : matchAmong(ids, ['same'], () => true);
  }

  function matchAmong(ids: readonly string[], forms: readonly IdForm[], fits: (entry: KnownId) => boolean) {
    for (const form of forms) {
      for (const [place, id] of ids.entries()) {
        const key = convertId(id, form);
        const entry = key === null ? undefined : known.get(key)?.findLast(fits);
        const learned = entry && learnRule(id, entry.id, place, form);
        if (learned) return { entry, rule: learned };
      }
    }
    return null;
  }

  function learn(next: IdRule): boolean {
    const before = rule;
    rule = before?.form === next.form ? mergeRules(before, next) : next;
    recent = [];
    return JSON.stringify(rule) !== JSON.stringify(before);
  }

  return {
    remember(entry) {
      add(entry);
      if (rule) return [];
      recent = [...recent, entry].slice(-maxRecent);
      const own = unmatched.filter(({ ids, to }) => match(ids, to) !== null);
      for (const { ids, to } of own) {
        const found = match(ids, to);
        if (found) learn(found.rule);
      }
      if (own.length > 0) unmatched = unmatched.filter((receipt) => !own.includes(receipt));
      return own;
    },
    resolve({ ids, to }) {
      const found = match(ids, to);
      if (found) return { externalId: found.entry.id, isKnown: true, isNews: learn(found.rule) };
      const id = ids[rule?.place ?? 0] ?? ids[0];
      if (id === undefined) return null;
      const fixed: IdRule | null = fixedForm
        ? { form: fixedForm, isExact: fixedForm === 'same', width: 0, isUpperCase: false, place: 0 }
        : null;
      const applied = rule ?? fixed;
      return { externalId: applied ? applyRule(applied, id) : id, isKnown: false, isNews: false };
    },
    keep(receipt) {
      unmatched = [...unmatched, receipt].slice(-maxUnmatched);
    },
    hasRule: () => rule !== null || fixedForm !== null,
    getState: () => ({ rule, recent: rule ? [] : recent, unmatched: rule ? [] : unmatched }),
  };
}

function toTail(address: string): string {
  return address.replace(/\D/g, '').slice(-tailDigits);
}

import * as z from 'zod';

const part = z.object({
  part: z.int(),
  octets: z.string(),
  dataCoding: z.int(),
  single: z.int().optional(),
  locking: z.int().optional(),
});

/** Parts of a message of a contact that is not whole yet. */
const partSet = z.object({
  key: z.string(),
  /** Id of the message that they will be. */
  externalId: z.string(),
  from: z.string(),
  to: z.string(),
  total: z.int(),
  parts: z.array(part),
  firstAt: z.int(),
  lastAt: z.int(),
});

const state = z.object({
  /** Parts that wait for others. */
  sets: z.array(partSet).catch([]),
  /** Messages that were passed on: a part of them that comes again is none of a new one. `missing`: those that may come late. */
  passed: z
    .array(z.object({ key: z.string(), digests: z.array(z.string()), missing: z.array(z.int()), total: z.int(), at: z.int() }))
    .catch([]),
  /** Messages whose acknowledgement may not have reached the carrier. */
  unconfirmed: z.array(z.object({ digest: z.string(), externalId: z.string(), at: z.int() })).catch([]),
  ids: z
    .object({
      rule: z
        .object({
          form: z.enum(['same', 'hex_to_decimal', 'decimal_to_hex']),
          isExact: z.boolean(),
          width: z.int(),
          isUpperCase: z.boolean(),
          place: z.int(),
        })
        .nullable(),
      recent: z.array(z.object({ id: z.string(), to: z.string() })),
      unmatched: z.array(
        z.object({
          ids: z.array(z.string()),
          to: z.string(),
          state: z.enum(['delivered', 'failed']),
          error: z.object({ code: z.string(), message: z.string() }).nullable(),
        }),
      ),
    })
    .catch({ rule: null, recent: [], unmatched: [] }),
  /** Binds in a row that the carrier refused without naming a reason. */
  refusedBinds: z.int().catch(0),
  /** Account and time of the open session, renewed as long as it is open: a check must not bind beside it. */
  bound: z.object({ as: z.string(), at: z.int() }).nullable().catch(null),
  /** Refusal of a message because of the config, which a bind does not show. */
  refusal: z.object({ as: z.string(), at: z.int(), code: z.string(), message: z.string() }).nullable().catch(null),
});

export type SmppState = z.output<typeof state>;
export type PartSet = SmppState['sets'][number];
export type StoredPart = PartSet['parts'][number];

/** Reads what an earlier session has stored; what does not fit is as if it were not there. */
export function parseState(stored: unknown): SmppState {
  const isObject = typeof stored === 'object' && stored !== null && !Array.isArray(stored);
  // Copied: the lists that stand in for missing ones would be shared by all sessions, which change them.
  return structuredClone(state.parse(isObject ? stored : {}));
}

/** State of the parts of a connection, of which each session part changes its own. */
export interface StateStore {
  readonly current: SmppState;
  /** Resolves when what `current` is now is stored; changes that come together are one write. */
  save(): Promise<void>;
}

/** Creates the store. @param write rejects when another process owns the session */
export function createStateStore(current: SmppState, write: (state: SmppState) => Promise<void>): StateStore {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  return {
    current,
    save() {
      // Those that come while one is written share the next one.
      next ??= running
        .catch(() => {})
        .then(() => {
          next = null;
          running = write(structuredClone(current));
          return running;
        });
      return next;
    },
  };
}

import type { ChannelState } from '../channels/channel.ts';

/** State of a connection whose config is not stored yet. */
export interface DraftState extends ChannelState {
  /** @returns null when the channel has set none */
  getDraft(): { value: unknown } | null;
}

/** Creates a state in memory over the stored one: a config that the vendor rejects must leave no trace. @param stored null for a new connection or another channel */
export function createDraftState(stored: ChannelState | null): DraftState {
  let draft: { value: unknown } | null = null;
  return {
    async get<T>() {
      return draft ? (structuredClone(draft.value) as T) : ((await stored?.get<T>()) ?? null);
    },
    async set(value) {
      draft = { value: structuredClone(value) };
    },
    getDraft: () => draft,
  };
}

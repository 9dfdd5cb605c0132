/** Events of ours that start workflows: keys of the triggers in HighLevel, which never change. */
export const triggerKinds = ['message_failed', 'message_delivered', 'reply_received', 'opted_out', 'channel_held'] as const;

export type TriggerKind = (typeof triggerKinds)[number];

/** Returns the kind of a trigger's key; null for a key that is none of ours. */
export function findTriggerKind(key: string): TriggerKind | null {
  return triggerKinds.find((kind) => kind === key) ?? null;
}

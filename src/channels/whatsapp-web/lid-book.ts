import type { ChannelContext } from '../channel.ts';
import { loadState, updateState } from './state.ts';

type BookContext = Pick<ChannelContext<object>, 'state' | 'connection'>;

export type LidBook = ReturnType<typeof createLidBook>;

const maxStored = 500;
const maxRemembered = 10_000;

/**
 * Creates the book of phones by hidden id: a message of a contact may name the hidden id alone, after a send to the phone has shown both. The
 * newest entries are stored with the connection, as sends and webhooks are in different processes.
 */
export function createLidBook() {
  const remembered = new Map<string, string>();

  function remember(connectionId: string, lid: string, phone: string): void {
    remembered.set(`${connectionId}/${lid}`, phone);
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
  }

  return {
    /** Remembers the phone of a hidden id. */
    async add(context: BookContext, lid: string, phone: string): Promise<void> {
      if (remembered.get(`${context.connection.id}/${lid}`) === phone) return;
      remember(context.connection.id, lid, phone);
      const { lids = {} } = await loadState(context);
      if (lids[lid] === phone) return;
      const { [lid]: _, ...others } = lids;
      const entries = [...Object.entries(others), [lid, phone]].slice(-maxStored);
      await updateState(context, { lids: Object.fromEntries(entries) });
    },
    async find(context: BookContext, lid: string): Promise<string | undefined> {
      const known = remembered.get(`${context.connection.id}/${lid}`) ?? (await loadState(context)).lids?.[lid];
      if (known !== undefined) remember(context.connection.id, lid, known);
      return known;
    },
  };
}

import type { World } from './world.ts';

/** So many messages of a location, each to a contact of its own. */
export async function sendMany(world: World, location: { id: string }, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const contact = world.highlevel.addContact(location.id, { phone: `+1202555${4000 + index}` });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: `text ${index}` });
    ids.push(messageId);
  }
  return ids;
}

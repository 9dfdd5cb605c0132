import { randomBytes } from 'node:crypto';
import express from 'express';
import { indexChannels } from '../../src/channels/registry.ts';
import { createTelegramChannel } from '../../src/channels/telegram/telegram.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createTelegramVendor } from '../../src/sandbox/vendors/telegram.ts';
import { listen } from './http.ts';
import { startWorld } from './world.ts';

/** Phone numbers of two people with Telegram. */
export const maya = '+12025550143';
export const stranger = '+12025550177';

/** Starts the program with one location whose channel is a simulated Telegram, which posts its updates to the program. */
export async function startTelegramProgram() {
  const world = await startWorld({ channels: () => indexChannels([createTelegramChannel({ allowPrivateTargets: true })]) });
  const app = express();
  const { url, close } = await listen(app);
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const telegram = createTelegramVendor({ clock: world.clock, random: randomBytes, http });
  app.use(telegram.router);
  const { id: locationId, contact } = await world.install();
  const path = `/locations/${locationId}/channels/sms`;
  const config = { token: telegram.state.bot.token, baseUrl: url };
  const connected = await world.api.put(path, { type: 'telegram', config });
  expect(connected.body).toMatchObject({ account: `@${telegram.state.bot.username}` });
  expect((await world.api.post(`${path}/webhooks`, {})).status).toBe(200);
  const connectionId: string = connected.body.connectionId;

  return {
    world,
    telegram,
    locationId,
    contact,
    path,
    config,
    connectionId,
    createLink: (contactId: string = contact.id) => world.api.post(`${path}/contact-links`, { contactId }),
    async sendMessage(text: string, contactId: string = contact.id): Promise<string> {
      return (await world.highlevel.sendMessage(locationId, { contactId, text })).messageId;
    },
    /** Returns the contact that a person's chat belongs to. */
    async findContact(phone: string): Promise<string | undefined> {
      const address = `telegram:${telegram.getPerson(phone).id}`;
      return (await world.db.contactAddress.findFirst({ where: { address } }))?.contactId;
    },
    /** Waits until a text has been posted into a conversation. @returns the contact of it */
    async waitForPosted(text: string): Promise<string | null> {
      const find = () => world.db.message.findFirst({ where: { direction: 'inbound', text, state: 'delivered' } });
      await world.advanceUntil(find, `"${text}" is posted`);
      return (await find())?.contactId ?? null;
    },
    async [Symbol.asyncDispose]() {
      telegram.close();
      await world[Symbol.asyncDispose]();
      await close();
    },
  };
}

/** Returns the payload of a link, as Telegram passes it to the bot. */
export function toPayload(link: string): string {
  return new URL(link).searchParams.get('start') ?? '';
}

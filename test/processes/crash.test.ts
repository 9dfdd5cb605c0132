import { randomBytes } from 'node:crypto';
import express from 'express';
import { systemClock } from '../../src/core/clock.ts';
import { httpClient } from '../../src/runtime/outbound-http.ts';
import { createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import { freshDatabase } from '../support/databases.ts';
import { startFarSide } from '../support/far-side.ts';
import { listen } from '../support/http.ts';
import { eventually, freePorts, type Program, startProgram, temporaryFolder } from '../support/program.ts';

const adminToken = 'operator-token-of-the-tests';

/** The real program, as production starts it, between a simulated HighLevel and a far side that outlive it. */
async function production() {
  const folder = temporaryFolder();
  const port = await freePorts();
  const { target, remove } = await freshDatabase();
  const farSide = await startFarSide();
  const platform = await listen();
  const baseUrl = `http://127.0.0.1:${port}`;
  const app = {
    clientId: 'app-tests',
    clientSecret: 'secret',
    baseUrl,
    redirectUri: `${baseUrl}/oauth/callback`,
    providers: [{ key: 'sms', id: 'p1', kind: 'sms' as const }],
    scopes: [
      'conversations/message.write',
      'contacts.write',
      'contacts.readonly',
      'locations.readonly',
      'oauth.readonly',
      'oauth.write',
    ],
  };
  const http = httpClient({ timeoutMs: 15_000, allowPrivateTargets: true });
  const highlevel = createSimulator({ clock: systemClock, random: randomBytes, http, app });
  platform.server.on('request', express().use(highlevel.router));
  const environment = {
    NODE_ENV: 'production',
    PORT: String(port),
    APP_URL: baseUrl,
    DATA_DIR: folder.path,
    ...(target.kind === 'postgres' ? { DATABASE_URL: target.url } : {}),
    HIGHLEVEL_CLIENT_ID: app.clientId,
    HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
    HIGHLEVEL_PROVIDERS: JSON.stringify(app.providers),
    HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: highlevel.publicKey,
    HIGHLEVEL_API_URL: platform.url,
    HIGHLEVEL_MARKETPLACE_URL: platform.url,
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    SESSION_SECRETS: randomBytes(32).toString('base64'),
    ADMIN_TOKEN: adminToken,
    ALLOW_PRIVATE_TARGETS: 'true',
  };
  const location = highlevel.addLocation();
  const contacts = Array.from({ length: 5 }, (_, index) => highlevel.addContact(location.id, { phone: `+1202555010${index}` }));

  return {
    highlevel,
    farSide,
    location,
    contacts,
    start: (changes: Record<string, string> = {}) => startProgram({ ...environment, ...changes }),
    /** Through the operator's API alone. */
    async setUp(program: Program) {
      await fetch(`${program.url}/oauth/callback?code=${highlevel.approveInstall(location.id)}`);
      const answer = await fetch(`${program.url}/api/locations/${location.id}/channels/sms`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'gateway', config: { url: farSide.url, secret: farSide.secret } }),
      });
      expect(answer.status).toBe(200);
    },
    send: (index: number) =>
      highlevel.sendMessage(location.id, { contactId: contacts[index % contacts.length]?.id ?? '', text: `message ${index}` }),
    async [Symbol.asyncDispose]() {
      await Promise.all([farSide.close(), platform.close()]);
      await remove();
      folder[Symbol.dispose]();
      expect(highlevel.calls.violations()).toEqual([]);
    },
  };
}

test('kill -9 between acknowledgement and send loses nothing, and nothing is sent twice to a far side that drops repeats', async () => {
  await using world = await production();
  const acknowledged: string[] = [];
  {
    await using program = await world.start();
    await world.setUp(program);
    // The far side holds its answer, so that sends are cut in the middle and others never begin.
    world.farSide.answers('hang');
    // A contact's messages come one after the other, contacts side by side.
    for (let round = 0; round < 4; round++) {
      const sent = await Promise.all(world.contacts.map((_, index) => world.send(5 * round + index)));
      acknowledged.push(...sent.filter(({ httpStatus }) => httpStatus === 202).map(({ messageId }) => messageId));
    }
    expect(acknowledged).toHaveLength(20);
    await eventually(() => world.farSide.requests.length > 0, 'a send is under way');
    await program.end('SIGKILL');
  }
  world.farSide.answers({ body: { status: 'delivered' } });
  await using again = await world.start();
  const isReported = (id: string) => world.highlevel.statusesOf(id).includes('delivered');
  await eventually(() => acknowledged.every(isReported), 'everything acknowledged is reported');

  expect(world.farSide.received()).toHaveLength(20);
  for (const contact of world.contacts) {
    const texts = world.farSide
      .received()
      .filter(({ to }) => to === contact.phone)
      .map(({ text }) => Number(text?.split(' ')[1]));
    expect(texts).toEqual([...texts].sort((a, b) => a - b));
  }
  expect(await again.end('SIGTERM')).toBe(0);
});

test('SIGTERM finishes what is in hand within ten seconds, and what is left is done by the next start', async () => {
  await using world = await production();
  let release = () => {};
  await using program = await world.start();
  await world.setUp(program);
  world.farSide.answers(async () => {
    await new Promise<void>((done) => {
      release = done;
    });
    return { body: { status: 'delivered' } };
  });
  const first = await world.send(0);
  await eventually(() => world.farSide.requests.length === 1, 'the send is under way');
  const begunAt = performance.now();
  const ended = program.end('SIGTERM');
  await eventually(() => program.output().includes('"msg":"stopping"'), 'it is stopping');
  release();
  expect(await ended).toBe(0);
  expect(performance.now() - begunAt).toBeLessThan(10_000);
  expect(world.farSide.requests).toHaveLength(1);

  await using again = await world.start();
  await eventually(() => world.highlevel.statusesOf(first.messageId).length > 0, 'it is reported');
  expect(world.highlevel.statusesOf(first.messageId)).toEqual(['delivered']);
  expect(world.farSide.requests).toHaveLength(1);
  expect(again.child.exitCode).toBeNull();
});

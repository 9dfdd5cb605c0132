import { randomBytes } from 'node:crypto';
import express from 'express';
import { systemClock } from '../../src/core/clock.ts';
import { minimalScopes } from '../../src/highlevel/operations.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { type Behaviour, createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import { dataFolder, freshDatabase } from './databases.ts';
import { startFarSide } from './far-side.ts';
import { listen } from './http.ts';
import { adminToken, productionSettings } from './production-settings.ts';
import { freePorts, type Program, startProgram } from './program.ts';

const contactCount = 5;

/** What the tests look at. */
interface ApiAnswer {
  status?: string;
  locations?: Record<string, number>;
  sync?: { status: string };
}

/** The real program, as production starts it, between a simulated HighLevel and a far side that outlive it. */
export async function startProduction(behaviour: Partial<Behaviour> = {}) {
  const folder = dataFolder();
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
    scopes: minimalScopes,
  };
  const http = createHttpClient({ timeoutMs: 15_000, allowPrivateTargets: true });
  const highlevel = createSimulator({ clock: systemClock, random: randomBytes, http, app, behaviour });
  platform.server.on('request', express().use(highlevel.router));
  const environment = {
    ...productionSettings({
      baseUrl,
      dataDir: folder.path,
      databaseUrl: target.kind === 'postgres' ? target.url : undefined,
      platform: { url: platform.url, publicKey: highlevel.publicKey },
      app,
    }),
    PORT: String(port),
  };
  const location = highlevel.addLocation();
  const contacts = Array.from({ length: contactCount }, (_, index) =>
    highlevel.addContact(location.id, { phone: `+1202555${1000 + index}` }),
  );

  return {
    highlevel,
    farSide,
    location,
    contacts,
    start: (changes: Record<string, string> = {}) => startProgram({ ...environment, ...changes }),
    /** Another process beside the first, on a port of its own. */
    startAnother: async (changes: Record<string, string> = {}) =>
      startProgram({ ...environment, PORT: String(await freePorts()), ...changes }),
    /** The operator's API of a process. */
    async api(program: Program, path: string): Promise<ApiAnswer> {
      const answer = await fetch(`${program.url}/api${path}`, { headers: { authorization: `Bearer ${adminToken}` } });
      return (await answer.json()) as ApiAnswer;
    },
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
    /** The numbers of what reached a contact, as it came; `send` numbers its texts. */
    reached: (contact: { phone: string | null }) =>
      farSide
        .received()
        .filter(({ to }) => to === contact.phone)
        .map(({ text }) => Number(text?.split(' ')[1])),
    send: (index: number) =>
      highlevel.sendMessage(location.id, { contactId: contacts[index % contacts.length]?.id ?? '', text: `message ${index}` }),
    async [Symbol.asyncDispose]() {
      await Promise.all([farSide.close(), platform.close()]);
      await remove();
      folder[Symbol.dispose]();
      expect(highlevel.calls.listViolations()).toEqual([]);
    },
  };
}

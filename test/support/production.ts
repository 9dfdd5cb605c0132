import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import express from 'express';
import pg from 'pg';
import { systemClock } from '../../src/core/clock.ts';
import { allScopes, minimalScopes } from '../../src/highlevel/operations.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { type Behaviour, createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import { createDataFolder, createTestDatabase } from './databases.ts';
import { listen } from './http.ts';
import { adminToken, createProductionSettings } from './production-settings.ts';
import { findFreePorts, type Program, startProgram } from './program.ts';
import { startVendor } from './vendor.ts';
import { workflowSecret } from './workflow-options.ts';

const contactCount = 5;

/** What the tests look at. */
interface ApiResponse {
  status?: string;
  connectionId?: string;
  locations?: Record<string, number>;
  sync?: { status: string };
}

/** The real program, as production starts it, between a simulated HighLevel and a simulated vendor that outlive it. */
export async function startProduction(
  behaviour: Partial<Behaviour> = {},
  provider: { key: string; id: string; kind: 'sms' | 'email' } = { key: 'sms', id: 'p1', kind: 'sms' },
  { hasWorkflows = false }: { hasWorkflows?: boolean } = {},
) {
  const folder = createDataFolder();
  const port = await findFreePorts();
  const { target, remove } = await createTestDatabase();
  const vendor = await startVendor();
  const platform = await listen();
  const baseUrl = `http://127.0.0.1:${port}`;
  const app = {
    clientId: 'app-tests',
    clientSecret: 'secret',
    baseUrl,
    redirectUri: `${baseUrl}/oauth/callback`,
    providers: [provider],
    scopes: hasWorkflows ? allScopes : minimalScopes,
    ...(hasWorkflows ? { workflowSecret, getApiUrl: () => platform.url } : {}),
  };
  const http = createHttpClient({ timeoutMs: 15_000, allowPrivateTargets: true });
  const highlevel = createSimulator({ clock: systemClock, random: randomBytes, http, app, behaviour });
  platform.server.on('request', express().use(highlevel.router));
  const environment = {
    ...createProductionSettings({
      baseUrl,
      dataDir: folder.path,
      databaseUrl: target.kind === 'postgres' ? target.url : undefined,
      platform: { url: platform.url, publicKey: highlevel.publicKey },
      app,
    }),
    PORT: String(port),
    ...(hasWorkflows ? { WORKFLOW_SECRETS: workflowSecret, HIGHLEVEL_SCOPES: allScopes.join(' ') } : {}),
  };
  const location = highlevel.addLocation();
  const contacts = Array.from({ length: contactCount }, (_, index) =>
    highlevel.addContact(location.id, { phone: `+1202555${1000 + index}` }),
  );

  return {
    highlevel,
    vendor,
    databaseUrl: target.kind === 'postgres' ? target.url : '',
    location,
    contacts,
    start: (changes: Record<string, string> = {}, options: Parameters<typeof startProgram>[1] = {}) =>
      startProgram({ ...environment, ...changes }, options),
    /** Another process beside the first, on a port of its own. */
    startAnother: async (changes: Record<string, string> = {}, options: Parameters<typeof startProgram>[1] = {}) =>
      startProgram({ ...environment, PORT: String(await findFreePorts()), ...changes }, options),
    /** Lets HighLevel post to another address from now on, such as that of a balancer. */
    postWebhooksTo(url: string) {
      app.baseUrl = url;
    },
    /** The operator's API of a process. */
    async getFromApi(program: Program, path: string): Promise<ApiResponse> {
      const response = await fetch(`${program.url}/api${path}`, { headers: { authorization: `Bearer ${adminToken}` } });
      return (await response.json()) as ApiResponse;
    },
    /**
     * Ends the claims of a killed process on the work of workflows, which otherwise hold for two minutes. No process runs.
     *
     * @returns the states of the sends and the outcomes of the events at that time
     */
    async expireClaims(): Promise<{ sends: unknown[]; events: unknown[] }> {
      const expire = async (query: (sql: string) => Promise<{ rows: unknown[] }>) => {
        await query('UPDATE trigger_events SET due_at = created_at WHERE due_at > created_at');
        await query('UPDATE workflow_sends SET due_at = created_at WHERE due_at > created_at');
        await query('UPDATE workflow_pauses SET due_at = created_at WHERE due_at > created_at');
        const { rows: sends } = await query('SELECT text, state, highlevel_message_id FROM workflow_sends ORDER BY text');
        return { sends, events: (await query('SELECT outcome, started_at FROM trigger_events')).rows };
      };
      if (target.kind === 'postgres') {
        const session = new pg.Client({ connectionString: target.url });
        await session.connect();
        return expire((sql) => session.query(sql)).finally(() => session.end());
      }
      const embedded = await PGlite.create(join(folder.path, 'database'));
      return expire((sql) => embedded.query(sql)).finally(() => embedded.close());
    },
    /** Through the operator's API alone. */
    async setUpLocation(program: Program) {
      await fetch(`${program.url}/oauth/callback?code=${highlevel.approveInstall(location.id)}`);
      const response = await fetch(`${program.url}/api/locations/${location.id}/channels/sms`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'gateway', config: { url: vendor.url, secret: vendor.secret } }),
      });
      expect(response.status).toBe(200);
    },
    /** The numbers of what reached a contact, as it came; `send` numbers its texts. */
    listReceivedNumbers: (contact: { phone: string | null }) =>
      vendor
        .listReceived()
        .filter(({ to }) => to === contact.phone)
        .map(({ text }) => Number(text?.split(' ')[1])),
    sendMessage: (index: number) =>
      highlevel.sendMessage(location.id, { contactId: contacts[index % contacts.length]?.id ?? '', text: `message ${index}` }),
    async [Symbol.asyncDispose]() {
      await Promise.all([vendor.close(), platform.close()]);
      await remove();
      folder[Symbol.dispose]();
      expect(highlevel.calls.listViolations()).toEqual([]);
    },
  };
}

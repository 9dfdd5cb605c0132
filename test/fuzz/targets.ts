import * as z from 'zod';
import { defineChannel } from '../../src/channels/channel.ts';
import { buildUnsubscribeHeaders, unsubscribePath } from '../../src/channels/mail/unsubscribe.ts';
import { type Channels, createChannels, indexChannels } from '../../src/channels/registry.ts';
import { createAdminPages } from '../../src/http/admin/pages/registry.ts';
import { createPages } from '../../src/http/pages/registry.ts';
import { signInOperator } from '../support/operator-session.ts';
import { adminToken } from '../support/production-settings.ts';
import type { World } from '../support/world.ts';
import type { JsonSchema, KnownValues } from './schema-values.ts';

/** Who makes a request: the token or the session that it has at that time. */
export type Caller = 'operator' | 'admin' | 'user' | 'agency';

export interface FuzzOperation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
}

export interface FuzzPage {
  readonly path: string;
  readonly scope: 'location' | 'account';
  readonly query: readonly string[];
  readonly hasDownload: boolean;
  readonly actions: Readonly<Record<string, JsonSchema>>;
}

/** Parts of the world that the requests name: addresses, ids that exist, and what is accepted. */
export interface FuzzTargets {
  readonly operations: Readonly<Record<string, Record<string, FuzzOperation>>>;
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  readonly pages: readonly FuzzPage[];
  readonly adminPages: readonly FuzzPage[];
  readonly ids: KnownValues;
  readonly known: KnownValues;
  /** Query of an unsubscribe link that we wrote. */
  readonly unsubscribe: { readonly address: string; readonly proof: string };
}

/** The program's channels, with vendors that respond at once and without a network: a drawn config must not call anybody. */
export function createOfflineChannels(): Channels {
  const verified = { kind: 'verified', account: 'Fuzz Inc.' } as const;
  const channels = [...createChannels({ allowPrivateTargets: true }).values()];
  return indexChannels(
    channels.map((channel) =>
      defineChannel({
        ...channel,
        setup: {
          verify: async () => verified,
          getPairing: async () => ({ status: 'paired' }) as const,
          listSenders: async () => [{ address: '+12025550100', label: 'Front desk' }],
          listTemplates: async () => [],
        },
      }),
    ),
  );
}

/** Names of actions and operations after which the location, its connection or the sessions of the other requests are gone. */
export const endsWorld = /^(revoke|disconnect|leave|remove)$/;

/** Creates the world's targets. Its location has a gateway, a mailbox and a message. */
export async function createTargets(world: World): Promise<FuzzTargets> {
  const location = await world.setUpLocation();
  const { companyId } = location;
  const mailbox = await connectMailbox(world, location.id);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  const { id } = await world.getMessage(messageId);
  const { body } = await world.client.get('/api/openapi.json').expect(200);
  const ids = {
    locationId: [location.id],
    companyId: [companyId],
    id: [id],
    providerKey: ['sms', 'mail'],
    connectionId: [location.connectionId, mailbox.connectionId],
    address: ['+12025550143', 'maya@example.com'],
    key: ['send_message', 'check_opt_out', 'set_opt_out', 'sms', 'mail'],
  };
  return {
    ids,
    operations: body.paths,
    schemas: body.components.schemas,
    pages: createPages(world.services as never).map(toFuzzPage),
    adminPages: [...createAdminPages(world.services as never), ...createPages(world.services as never)].map(toFuzzPage),
    known: { ...knownValues, ...ids, contactId: [location.contact.id] },
    unsubscribe: mailbox.unsubscribe,
  };
}

/** Creates what callers identify themselves with. A user's token ends after some minutes, an operator's session after an hour. */
export async function createCredentials(world: World, { ids }: FuzzTargets) {
  const [companyId = '', activeLocation = ''] = [ids.companyId?.[0], ids.locationId?.[0]];
  const [admin, user, agency] = await Promise.all([
    world.createUserToken({ companyId, activeLocation, role: 'admin' }),
    world.createUserToken({ companyId, activeLocation, role: 'user' }),
    world.createUserToken({ companyId, role: 'admin', type: 'agency' }),
  ]);
  const { cookie, csrf } = await signInOperator(world);
  return { tokens: { operator: adminToken, admin, user, agency } satisfies Record<Caller, string>, session: { cookie, csrf } };
}

export type Credentials = Awaited<ReturnType<typeof createCredentials>>;

async function connectMailbox(world: World, locationId: string) {
  const config = { from: 'shop@example.com', smtp: { host: 'smtp.example.com' }, oneClickUnsubscribe: true };
  const path = `/locations/${locationId}/channels/mail?verify=false`;
  const { body } = await world.api.put(path, { type: 'email', config }).expect(200);
  const connection = await world.services.getConnection(body.connectionId);
  const [secret = ''] = connection.channel.listUnsubscribeSecrets?.(connection.config) ?? [];
  const header = buildUnsubscribeHeaders(connection, secret, 'maya@example.com')['List-Unsubscribe'];
  const { searchParams, pathname } = new URL(String(header).slice(1, -1));
  if (!pathname.endsWith(`/${unsubscribePath}`)) throw new Error('The link has another form.');
  const [address = '', proof = ''] = [searchParams.get('address') ?? '', searchParams.get('proof') ?? ''];
  return { connectionId: String(body.connectionId), unsubscribe: { address, proof } };
}

function toFuzzPage(page: ReturnType<typeof createPages>[number]): FuzzPage {
  const actions = Object.entries(page.actions).flatMap(([name, { body }]): [string, JsonSchema][] =>
    endsWorld.test(name) ? [] : [[name, z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' }) as JsonSchema]],
  );
  const query = Object.keys(page.query.shape);
  return {
    path: page.path,
    scope: page.scope,
    query,
    hasDownload: page.download !== undefined,
    actions: Object.fromEntries(actions),
  };
}

const knownValues: KnownValues = {
  type: ['gateway', 'email', 'twilio', 'telegram', 'smpp'],
  url: ['https://gateway.example/send'],
  secret: [`whsec_${Buffer.alloc(24, 1).toString('base64')}`],
  from: ['+12025550100', 'shop@example.com'],
  to: ['+12025550143', 'maya@example.com'],
  host: ['smtp.example.com'],
  'smtp.host': ['smtp.example.com'],
  'smtp.port': ['465', 'x'],
  imap: ['on'],
  token: [`123456:${'x'.repeat(30)}`],
  text: ['hi'],
  reason: ['failed'],
  name: ['Front desk'],
  direction: ['outbound', 'inbound'],
  since: ['2026-01-01T00:00:00Z'],
  until: ['2026-12-31T00:00:00Z'],
  at: ['2026-01-01T00:00:00Z'],
  span: ['day', 'week'],
  hours: ['on'],
  encryptedData: ['U2FsdGVkX1+aaaa'],
  csv: ['address,reason\n+12025550144,asked'],
  importReason: ['asked'],
};

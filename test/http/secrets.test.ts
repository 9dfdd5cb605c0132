import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { VerifyResult } from '../../src/channels/channel.ts';
import { AppError } from '../../src/core/errors.ts';
import { acmeKey, createAcme } from '../support/acme.ts';
import { sharedSecret, startWorld } from '../support/world.ts';

/** Lesson 13: where secrets must never be. */

test('no token or secret appears in the database, an API response, a log line or a URL', async () => {
  const lines: string[] = [];
  const log = pino(
    { level: 'trace' },
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    }),
  );
  await using world = await startWorld({ services: { log } });
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 500, body: { error: { code: 'x', message: `echo of ${world.vendor.secret}` } } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.db.attempt.count({ where: { endedAt: { not: null } } })) === 1);
  const { id } = await world.getMessage(messageId);
  const encryptedData = world.highlevel.createUserContext({ companyId: location.companyId, activeLocation: location.id });
  const { body: session } = await world.client.post('/api/session').send({ encryptedData }).expect(200);
  await world.client.get('/api/overview').set('authorization', `Bearer ${session.token}`).expect(200);
  const company = world.highlevel.addCompany();
  world.highlevel.addLocation({ companyId: company.id });
  const code = world.highlevel.approveCompanyInstall(company.id);
  await world.finishInstall(code);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId: company.id, status: 'active' } })) === 2,
  );
  world.highlevel.revokeTokens(location.id);
  await world.services.tokens.getReplacementToken(
    { kind: 'location', resourceId: location.id },
    await world.services.tokens.getToken({ kind: 'location', resourceId: location.id }),
  );

  const responses = await Promise.all(
    [
      '/locations',
      `/locations/${location.id}`,
      `/locations/${location.id}/channels/sms`,
      `/messages/${id}`,
      '/overview',
      '/audit',
      '/companies',
    ].map(async (path) => (await world.api.get(path).expect(200)).text),
  );
  const rows = await Promise.all([
    world.db.installation.findMany(),
    world.db.connection.findMany(),
    world.db.message.findMany(),
    world.db.attempt.findMany(),
    world.db.reportAttempt.findMany(),
    world.db.appEvent.findMany(),
    world.db.auditEntry.findMany(),
    world.db.seenUserContext.findMany(),
  ]);
  const sources = {
    database: JSON.stringify(rows),
    responses: responses.join('\n'),
    log: lines.join('\n'),
    addresses: world.highlevel.calls.all.map(({ path }) => path).join('\n'),
  };
  const secrets = [
    world.vendor.secret,
    world.vendor.secret.replace('whsec_', ''),
    'client-secret-of-the-tests',
    sharedSecret,
    encryptedData,
    session.token,
    ...Object.keys(world.highlevel.state.accessTokens),
    ...Object.keys(world.highlevel.state.refreshTokens),
    ...Object.keys(world.highlevel.state.codes),
  ];
  for (const [place, text] of Object.entries(sources)) {
    for (const secret of secrets) expect({ place, found: text.includes(secret) }).toEqual({ place, found: false });
  }
  expect(sources.log).toContain('installed');
});

test('a vendor that repeats a secret in its words brings it into no response, row, log line or page', async () => {
  const lines: string[] = [];
  const log = pino(
    { level: 'trace' },
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    }),
  );
  const acme = createAcme();
  await using world = await startWorld({ channels: acme.channels, services: { log } });
  const location = await world.install();
  const path = `/locations/${location.id}/channels/sms`;
  const echo = `Acme says ${acmeKey}`;
  const responses: string[] = [];
  const keep = ({ text }: { text: string }) => responses.push(text);
  const connect = () => world.api.put(path, { type: 'acme', config: { key: acmeKey, hookSecret: 'the-hook-secret' } });
  const verifications: (() => Promise<VerifyResult>)[] = [
    async () => ({ kind: 'rejected', problems: [{ field: 'key', code: 'x', message: echo }] }),
    async () => ({ kind: 'unavailable', code: 'x', message: echo }),
    async () => Promise.reject(new AppError('vendor_unavailable', echo)),
    async () => ({ kind: 'verified', account: echo, warnings: [echo] }),
  ];
  for (const verify of verifications) {
    acme.verify = verify;
    keep(await connect());
  }
  acme.register = async () => ({ kind: 'taken', by: echo });
  keep(await world.api.post(`${path}/webhooks`).expect(200));
  acme.verify = verifications[0] as () => Promise<VerifyResult>;
  await world.db.connection.updateMany({ data: { checkDueAt: new Date(world.clock.now()) } });
  await world.advanceUntil(async () => (await world.db.connection.count({ where: { status: 'held' } })) === 1);
  keep(await world.api.get(path).expect(200));
  acme.unregister = async () => Promise.reject(new AppError('vendor_unavailable', echo));
  keep(await world.api.delete(path).expect(204));
  const rows = [await world.db.auditEntry.findMany(), await world.db.rateLimitRow.findMany(), await world.db.alert.findMany()];
  for (const text of [responses.join('\n'), lines.join('\n'), JSON.stringify(rows)]) {
    expect(text).not.toContain(acmeKey);
    expect(text).not.toContain('the-hook-secret');
  }
  expect(responses.join('\n')).toContain('[redacted]');
  expect(lines.join('\n')).toContain('the webhooks of a connection stay at its vendor');
});

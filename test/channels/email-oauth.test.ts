import { createEmailChannel } from '../../src/channels/email/email.ts';
import { mailbox, startSignInWorld } from './email-sign-in-world.ts';

const isHeld = (connected: { get(): Promise<{ status: string }> }) => async () => (await connected.get()).status === 'held';

test('an access token is used until shortly before it ends, and renewed once; a rotated refresh token is kept', async () => {
  await using test = await startSignInWorld();
  const { world, microsoft } = test;
  microsoft.makeSingleUse();
  const connected = await test.connect('microsoft');
  await test.signIn('microsoft', (await connected.getPairing()).url);
  const sendAll = async () => {
    const ids = await Promise.all(['a', 'b', 'c'].map((text) => connected.send(text)));
    for (const id of ids) await world.advanceUntilReported(id);
  };
  await sendAll();
  expect(new Set(test.listLogins().map(({ token }) => token)).size).toBe(1);
  for (const renewals of [1, 2]) {
    await world.advance(56 * 60_000, 56 * 60_000);
    await sendAll();
    expect(microsoft.requests.filter(({ form }) => form.get('grant_type') === 'refresh_token')).toHaveLength(renewals);
  }
  expect(microsoft.requests.every(({ reply }) => reply.status === 200)).toBe(true);
  expect(test.smtp.mails).toHaveLength(9);
});

test('a permission that was withdrawn puts the connection on hold, with an alert; a new sign-in sends what waited', async () => {
  await using test = await startSignInWorld({ watchesAlerts: true });
  const { world, google } = test;
  const connected = await test.connect('google');
  await test.signIn('google', (await connected.getPairing()).url);
  google.revoke(mailbox);
  test.smtp.behave({ replies: { AUTH: '535 5.7.8 token expired' } });
  const messageId = await connected.send();
  await world.advanceUntil(isHeld(connected), 'it is held');
  expect((await connected.get()).statusReason).toEqual({
    code: 'oauth_sign_in_again',
    message: expect.stringContaining('sign in again'),
  });
  await world.advanceUntil(
    async () => (await world.db.alert.count({ where: { kind: 'channel_held' } })) === 1,
    'an alert',
    10_000,
  );
  // The checks find the same, and do not take the hold away.
  await world.advance(5 * 60_000, 30_000);
  expect(await connected.get()).toMatchObject({ status: 'held', statusReason: { code: 'oauth_sign_in_again' } });

  test.smtp.behave({});
  const pairing = await connected.getPairing();
  expect(pairing).toMatchObject({ status: 'waiting', service: 'Google' });
  expect((await test.signIn('google', pairing.url)).status).toBe(200);
  expect(await connected.get()).toMatchObject({ status: 'active' });
  await world.advanceUntilReported(messageId);
  expect(test.smtp.mails).toHaveLength(1);
});

test('a service that is down lets emails wait; a wrong client secret holds them until the operator corrects it', async () => {
  await using test = await startSignInWorld();
  const { world, google } = test;
  const connected = await test.connect('google');
  await test.signIn('google', (await connected.getPairing()).url);
  google.setFault({ status: 503 });
  await world.advance(56 * 60_000, 56 * 60_000);
  const messageId = await connected.send();
  const hasTried = async () => (await world.db.attempt.count({ where: { outcome: 'unavailable' } })) > 0;
  await world.advanceUntil(hasTried, 'it was tried');
  expect(await connected.get()).toMatchObject({ status: 'active' });

  google.setFault(null);
  const { client } = test;
  client.clientSecret = 'changed-at-google';
  await world.advanceUntil(isHeld(connected), 'it is held', 10_000);
  expect((await connected.get()).statusReason).toMatchObject({ code: 'oauth_client_refused' });
  expect(await connected.getPairing()).toEqual({ status: 'paired' });
  client.clientSecret = 'operator-secret';
  await world.advanceUntilReported(messageId);
  expect(await connected.get()).toMatchObject({ status: 'active' });
});

test('a token that the mail server refuses is renewed once, and then it is a problem of the account', async () => {
  await using test = await startSignInWorld();
  const connected = await test.connect('google');
  await test.signIn('google', (await connected.getPairing()).url);
  test.smtp.behave({ replies: { 'AUTH XOAUTH2': '535 5.7.8 no' } });
  await connected.send();
  await test.world.advanceUntil(isHeld(connected), 'it is held');
  expect((await connected.get()).statusReason).toMatchObject({ code: 'credentials' });
});

test('a refresh token of the config needs no consent; those that replace it are kept', async () => {
  await using test = await startSignInWorld();
  const { world, microsoft } = test;
  // The operator has got a refresh token elsewhere.
  const first = await test.connect('microsoft');
  await test.signIn('microsoft', (await first.getPairing()).url);
  const refreshToken = String(microsoft.requests[0]?.reply.body.refresh_token);
  const { tokenUrl } = test.consentClients.microsoft;
  const oauth = { tokenUrl, clientId: 'operator-client', clientSecret: 'operator-secret', refreshToken };
  const connected = await test.connect('microsoft', { oauth });
  expect(connected.body).toMatchObject({ status: 'active' });
  expect(await connected.getPairing()).toEqual({ status: 'paired' });
  await world.advanceUntilReported(await connected.send());
  await world.advance(56 * 60_000, 56 * 60_000);
  await world.advanceUntilReported(await connected.send());
  const used = microsoft.requests.map(({ form }) => form.get('refresh_token'));
  expect(used.filter((token) => token !== null && token !== refreshToken).length).toBeGreaterThan(0);
  microsoft.revoke(mailbox);
  await world.advance(56 * 60_000, 56 * 60_000);
  await connected.send();
  await world.advanceUntil(isHeld(connected), 'it is held');
  const { statusReason } = await connected.get();
  expect(statusReason).toMatchObject({ code: 'oauth_refused', message: expect.stringContaining('invalid_grant') });
  expect(JSON.stringify(statusReason)).not.toContain(refreshToken);
});

test('tokens go only to servers of their service, and encrypted', () => {
  const client = { clientId: 'c', clientSecret: 's', authorizeUrl: 'https://a.example', tokenUrl: 'https://t.example' };
  const parse = (allowPrivateTargets: boolean, config: object) =>
    createEmailChannel({ allowPrivateTargets, consentClients: { google: client, microsoft: client } }).configSchema.safeParse({
      from: 'shop@example.com',
      ...config,
    }).success;
  const server = (host: string, security = 'tls') => ({ host, port: 465, security });
  const google = { oauth: { provider: 'google' } };
  expect(parse(false, { smtp: server('smtp.gmail.com'), imap: server('imap.gmail.com'), ...google })).toBe(true);
  expect(parse(false, { smtp: server('smtp.gmail.com.evil.example'), ...google })).toBe(false);
  expect(parse(false, { smtp: server('evilgmail.com'), ...google })).toBe(false);
  expect(parse(false, { smtp: server('smtp.gmail.com'), imap: server('outlook.office365.com'), ...google })).toBe(false);
  expect(parse(false, { smtp: server('smtp.office365.com'), oauth: { provider: 'microsoft' } })).toBe(true);
  expect(parse(true, { smtp: server('smtp.gmail.com', 'none'), ...google })).toBe(false);
  expect(parse(true, { smtp: server('127.0.0.1', 'none'), ...google })).toBe(true);
});

import { createEmailChannel } from '../../src/channels/email/email.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { mailMessage } from './email-message.ts';
import { startSmtpServer } from './email-smtp-server.ts';

const refreshToken = 'refresh-token-secret';
const channel = createEmailChannel({ allowPrivateTargets: true });

/** Starts a token endpoint whose tokens count up. */
async function startTokens() {
  const forms: URLSearchParams[] = [];
  let status = 200;
  const server = await listen((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      forms.push(new URLSearchParams(body));
      const content =
        status === 200 ? { access_token: `access-${forms.length}`, expires_in: 3600 } : { error: 'invalid_grant' };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    });
  });
  return {
    ...server,
    forms,
    refuse: (next: number) => {
      status = next;
    },
  };
}

async function start() {
  const [tokens, server] = await Promise.all([startTokens(), startSmtpServer()]);
  const world = createChannelWorld();
  const context = world.createContext(
    channel.configSchema.parse({
      from: 'shop@inbox.test',
      smtp: { host: '127.0.0.1', port: server.port, security: 'starttls' },
      oauth: { tokenUrl: `${tokens.url}/token`, clientId: 'client', clientSecret: 'client-secret', refreshToken },
    }),
  );
  // The scripted server has no STARTTLS; the schema refuses OAuth 2 without encryption.
  const { config } = context.connection as { config: { smtp: object } };
  Object.assign(config.smtp, { security: 'none' });
  return {
    tokens,
    server,
    world,
    context,
    send: () => world.settle(channel.send(context, mailMessage)),
    async [Symbol.asyncDispose]() {
      expect(world.logLines.join('\n')).not.toContain(refreshToken);
      world.close();
      await Promise.all([tokens.close(), server.close()]);
    },
  };
}

const getTokens = (commands: readonly string[]) =>
  commands
    .filter((line) => line.startsWith('AUTH XOAUTH2'))
    .map(
      (line) =>
        Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .match(/Bearer ([\w-]+)/)?.[1],
    );

test('a sign-in uses an access token, which is kept until shortly before it ends', async () => {
  await using test = await start();
  expect(await test.send()).toMatchObject({ kind: 'accepted' });
  expect(await test.send()).toMatchObject({ kind: 'accepted' });
  expect(getTokens(test.server.commands)).toEqual(['access-1', 'access-1']);
  expect(Object.fromEntries(test.tokens.forms[0] ?? [])).toMatchObject({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
  });
  test.world.clock.jump(56 * 60 * 1000);
  expect(await test.send()).toMatchObject({ kind: 'accepted' });
  expect(getTokens(test.server.commands)).toEqual(['access-1', 'access-1', 'access-2']);
});

test('a token that the mail server refuses is renewed once, and then it is a problem of the account', async () => {
  await using test = await start();
  test.server.behave({ replies: { 'AUTH XOAUTH2': '535 5.7.8 no' } });
  expect(await test.send()).toMatchObject({ kind: 'connection_error', code: 'credentials' });
  expect(new Set(getTokens(test.server.commands)).size).toBe(2);
});

test('a refused refresh token is a problem of the account; a service that is down is not', async () => {
  await using test = await start();
  test.tokens.refuse(400);
  const refused = await test.send();
  expect(refused).toMatchObject({
    kind: 'connection_error',
    code: 'oauth_refused',
    message: expect.stringContaining('invalid_grant'),
  });
  expect(JSON.stringify(refused)).not.toContain(refreshToken);
  test.tokens.refuse(503);
  expect(await test.send()).toMatchObject({ kind: 'unavailable', code: 'http_503' });
});

test('OAuth 2 without encryption is refused by the form', () => {
  const config = {
    from: 'shop@inbox.test',
    smtp: { host: 'smtp.example.com', port: 25, security: 'none' },
    oauth: { tokenUrl: 'https://example.com/token', clientId: 'c', refreshToken },
  };
  expect(channel.configSchema.safeParse(config)).toMatchObject({ success: false });
});

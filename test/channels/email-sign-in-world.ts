import { randomBytes } from 'node:crypto';
import express from 'express';
import { createEmailChannel } from '../../src/channels/email/email.ts';
import { type Channels, indexChannels } from '../../src/channels/registry.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { SimClient } from '../../src/sandbox/vendors/sign-in/state.ts';
import { createSignInService, type SignInDecision } from '../../src/sandbox/vendors/sign-in.ts';
import { listen } from '../support/http.ts';
import { startWorld, type World, type WorldOptions } from '../support/world.ts';
import { startSmtpServer } from './email-smtp-server.ts';

export const mailbox = 'shop@inbox.test';

/** A page as a browser of its own gets it: it keeps cookies. */
export function createBrowser(world: World) {
  let cookie = '';
  return {
    async open(url: string, headers: Record<string, string> = {}) {
      const path = url.replace(world.url, '');
      const response = await world.client.get(path).set({ accept: 'text/html', cookie, ...headers });
      const set = (response.headers['set-cookie'] as unknown as string[] | undefined) ?? [];
      cookie = set.map((one) => one.split(';')[0]).join('; ') || cookie;
      return response;
    },
  };
}

export type Browser = ReturnType<typeof createBrowser>;

/** Finds the address of the service on the page that starts a consent. */
export const findAuthorizeUrl = (page: { text: string }): string =>
  (/<a class="button" href="([^"]+)"/.exec(page.text)?.[1] ?? '').replaceAll('&amp;', '&');

/** The program with the mailbox channel, a mail server, and Google and Microsoft as the operator has set them up. */
export async function startSignInWorld(options: Omit<WorldOptions, 'channels'> & { watches?: boolean } = {}) {
  const client: SimClient = { clientId: 'operator-client', clientSecret: 'operator-secret', redirectUris: [] };
  const [smtp, server] = await Promise.all([startSmtpServer(), listen()]);
  let now = () => 0;
  const clock = { now: () => now() } as Clock;
  const create = (provider: 'google' | 'microsoft') =>
    createSignInService(provider, { clock, random: randomBytes, clients: [client] });
  const services = { google: create('google'), microsoft: create('microsoft') };
  const app = express().set('views', 'views').set('view engine', 'ejs');
  server.server.on('request', app.use('/google', services.google.router).use('/microsoft', services.microsoft.router));
  const { clientId } = client;
  const consentClients = {
    google: {
      ...{ clientId, clientSecret: 'operator-secret', authorizeUrl: `${server.url}/google/o/oauth2/v2/auth` },
      tokenUrl: `${server.url}/google/token`,
    },
    microsoft: {
      ...{ clientId, clientSecret: 'operator-secret' },
      authorizeUrl: `${server.url}/microsoft/common/oauth2/v2.0/authorize`,
      tokenUrl: `${server.url}/microsoft/common/oauth2/v2.0/token`,
    },
  };
  const channels = (): Channels => indexChannels([createEmailChannel({ allowPrivateTargets: true, consentClients })]);
  const world = await startWorld({ ...options, channels });
  now = world.clock.now;
  (client.redirectUris as string[]).push(`${world.url}/oauth/mail/callback`);
  const config = (provider: 'google' | 'microsoft', more: object = {}) => ({
    ...{ from: `Shop <${mailbox}>`, smtp: { host: '127.0.0.1', port: smtp.port, security: 'none' } },
    ...{ oauth: { provider }, ...more },
  });

  const test = {
    world,
    smtp,
    ...services,
    client,
    channels,
    consentClients,
    config,
    /** Connects a mailbox that waits for its owner's consent. */
    async connect(provider: 'google' | 'microsoft', more: object = {}) {
      const location = await world.install();
      const path = `/locations/${location.id}/channels/mail`;
      const { body } = await world.api.put(path, { type: 'email', config: config(provider, more) }).expect(200);
      const get = async () => (await world.api.get(path).expect(200)).body;
      const send = async (text = 'hello') => {
        const message = { contactId: location.contact.id, providerKey: 'mail', text };
        return (await world.highlevel.sendMessage(location.id, message)).messageId;
      };
      const getPairing = async () => (await world.api.get(`${path}/pairing`).expect(200)).body;
      return { location, path, connectionId: String(body.connectionId), body, get, send, getPairing };
    },
    /** Goes the way of the owner of a mailbox. @returns the last page */
    async signIn(
      provider: 'google' | 'microsoft',
      url: string,
      decision: SignInDecision | null = { account: mailbox },
      browser = createBrowser(world),
    ) {
      const authorizeUrl = findAuthorizeUrl(await browser.open(url));
      return browser.open(services[provider].decide(authorizeUrl, decision));
    },
    listGrants: (...connectionIds: string[]) =>
      world.db.oauthGrant.findMany({ where: { connectionId: { in: connectionIds } } }),
    /** Access tokens and user names with which the mail server was signed in to. */
    listLogins: () =>
      smtp.commands.flatMap((line) => {
        const login = /^AUTH XOAUTH2 (\S+)/.exec(line)?.[1];
        const [user, token] = Buffer.from(login ?? '', 'base64')
          .toString()
          .split('\u0001');
        return user ? [{ user: user.replace('user=', ''), token: (token ?? '').replace('auth=Bearer ', '') }] : [];
      }),
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await Promise.all([smtp.close(), server.close()]);
    },
  };
  return test;
}

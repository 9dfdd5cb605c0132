import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Axios } from 'axios';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Clock } from '../core/clock.ts';
import { isAllowedHost, listDevelopmentHosts } from '../core/hosts.ts';
import type { RandomSource } from '../core/ids.ts';
import { addAndroidSmsGateway } from './carriers/android-sms-gateway.ts';
import { addGateway } from './carriers/gateway.ts';
import { addMailbox } from './carriers/mailbox.ts';
import { addMailgun } from './carriers/mailgun.ts';
import { addResend } from './carriers/resend.ts';
import { addSmpp, listenSmpp } from './carriers/smpp.ts';
import { addTelegram } from './carriers/telegram.ts';
import { addTelnyx } from './carriers/telnyx.ts';
import { addTwilio } from './carriers/twilio.ts';
import { addWhatsAppCloud } from './carriers/whatsapp-cloud.ts';
import { addWebServer, findWebFile } from './carriers/whatsapp-web.ts';
import { demoAddress, demoNumber, seedDemo } from './demo-data.ts';
import { type Behaviour, createSimulator, type SimApp, type Simulator } from './highlevel/simulator.ts';
import { createPhone } from './phone.ts';
import { createStateWriter, readState } from './state-file.ts';
import { type AppClient, createAppClient } from './ui/app-client.ts';
import { createCustomPageRouter } from './ui/frame.ts';
import { createUi } from './ui/router.ts';
import { createEvolutionVendor, type EvolutionVendor } from './vendors/evolution.ts';
import {
  toAndroidExample,
  toEvolutionExample,
  toMailboxExample,
  toMailgunExample,
  toResendExample,
  toSmppExample,
  toTelnyxExample,
  toTwilioExample,
  toWahaExample,
  toWhatsAppExample,
} from './vendors/examples.ts';
import { listWahaWebhooks } from './vendors/waha/state.ts';
import { createWahaVendor, type WahaVendor } from './vendors/waha.ts';

export interface SandboxOptions {
  port: number;
  /** Address to listen on. By default this machine alone. */
  host?: string | undefined;
  clock: Clock;
  random: RandomSource;
  http: Axios;
  app: SimApp;
  adminToken: string;
  behaviour?: Partial<Behaviour>;
  /** File of the state; without it the state ends with the process. */
  stateFile?: string | undefined;
}

/** A simulated HighLevel, a phone, the vendors that reach it, and a page to use them. */
export interface Sandbox {
  url: string;
  /** For HIGHLEVEL_WEBHOOK_PUBLIC_KEYS. */
  publicKey: string;
  /** For HIGHLEVEL_SHARED_SECRETS. */
  sharedSecret: string;
  phone: { url: string; secret: string };
  /** Demo accounts of the simulated vendors, whose secrets are public, and the phone that they reach. */
  examples: {
    /** Configs by the channel's type. */
    configs: Record<string, Record<string, unknown>>;
    phoneTypes: readonly string[];
    to: { sms: string; email: string };
    inboxUrl: string;
  };
  simulator: Simulator;
  close(): Promise<void>;
}

const viewsFolder = resolve(import.meta.dirname, '../../views');
const assetsFolder = resolve(viewsFolder, 'assets');

/** Starts the simulated HighLevel, the simulated vendors and the phone on one port of this machine. Never loaded in production. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, random, http } = options;
  const saved = readState(options.stateFile);
  const seed = saved ? Buffer.from(saved.seed, 'base64') : random(32);
  const phoneSecret = saved?.phoneSecret ?? `whsec_${random(32).toString('base64')}`;

  // Known once the server listens: the port may be any.
  let url = '';
  const getGatewayUrl = () => `${url}/gateway`;
  const notifyChange = () => {
    writer.schedule();
    page.notifyChange();
  };
  const sharedSecret = saved?.sharedSecret ?? random(24).toString('base64url');
  const simulator = createSimulator({
    ...options,
    app: { ...options.app, sharedSecret, getApiUrl: () => url },
    seed,
    state: saved?.highLevel,
    onChange: notifyChange,
  });
  const client = createAppClient(http, options.app.baseUrl, options.adminToken);
  const phone = createPhone({ clock, random, state: saved?.phone, onChange: notifyChange });
  const shared = { clock, random, http, onChange: notifyChange };
  const listNumbers = () => Object.values(simulator.state.contacts).flatMap((contact) => contact.phone ?? []);
  const gateway = addGateway(phone, {
    ...shared,
    secret: phoneSecret,
    getUrl: () => url,
    findCallbackUrl: (locationId) => findGatewayCallbackUrl(client, options.app.providers, locationId, getGatewayUrl()),
  });
  const twilio = addTwilio(phone, {
    ...shared,
    getUrl: () => `${url}/twilio`,
    // Twilio's storage is elsewhere and refuses its credentials, which must not follow there.
    getStorageUrl: () => `${url.replace('localhost', '127.0.0.1')}/twilio`,
    state: saved?.twilio,
  });
  const telnyx = addTelnyx(phone, { ...shared, getUrl: () => `${url}/telnyx`, state: saved?.telnyx });
  const android = addAndroidSmsGateway(phone, { ...shared, getUrl: () => `${url}/android`, state: saved?.android });
  const smsc = addSmpp(phone, { clock, random, state: saved?.smpp, onChange: notifyChange });
  const meta = addWhatsAppCloud(phone, {
    ...shared,
    getUrl: () => `${url}/meta`,
    listNumbers,
    state: saved?.meta,
  });
  const waha = addWebServer<WahaVendor>(phone, 'waha', {
    ...{ clock, listNumbers, name: 'WAHA', getUrl: () => `${url}/waha` },
    hasWebhook: ({ state }) => listWahaWebhooks(state).length > 0,
    createServer: (hooks) => createWahaVendor({ ...shared, ...hooks, getUrl: () => `${url}/waha`, state: saved?.waha }),
  });
  const evolution = addWebServer<EvolutionVendor>(phone, 'evolution', {
    ...{ clock, listNumbers, name: 'Evolution API', getUrl: () => `${url}/evolution` },
    hasWebhook: ({ state }) => state.webhook?.enabled === true,
    createServer: (hooks) => createEvolutionVendor({ ...shared, ...hooks, state: saved?.evolution }),
  });
  const telegram = addTelegram(phone, {
    ...shared,
    getUrl: () => `${url}/telegram`,
    listNumbers: () => Object.values(simulator.state.contacts).flatMap((contact) => contact.phone ?? []),
    state: saved?.telegram,
  });
  const mailbox = addMailbox(phone, { ...shared, getPort: () => mailPorts.smtpPort, state: saved?.mailbox });
  const mailgun = addMailgun(phone, { ...shared, getUrl: () => `${url}/mailgun`, state: saved?.mailgun });
  const { baseUrl: appUrl } = options.app;
  const resend = addResend(phone, { ...shared, getUrl: () => `${url}/resend`, appUrl, state: saved?.resend });
  const writer = createStateWriter(clock, options.stateFile, () => ({
    seed: seed.toString('base64'),
    phoneSecret,
    sharedSecret,
    highLevel: simulator.state,
    phone: phone.state,
    twilio: twilio.state,
    telnyx: telnyx.state,
    android: android.state,
    smpp: smsc.state,
    meta: meta.state,
    waha: waha.state,
    evolution: evolution.state,
    telegram: telegram.state,
    mailbox: mailbox.state,
    mailgun: mailgun.state,
    resend: resend.state,
  }));
  const findMedia = (id: string) =>
    meta.state.media[id] ?? telegram.state.files[id] ?? findWebFile(waha.state, id) ?? findWebFile(evolution.state, id);
  const page = createUi({ simulator, phone, app: client, appUrl: options.app.baseUrl, assetsFolder, findMedia });
  if (!saved) seedDemo(simulator);
  writer.now();

  const app = express();
  app.disable('x-powered-by').set('views', viewsFolder).set('view engine', 'ejs');
  app.use(requireHost(options.app.baseUrl), setSecurityHeaders(options.app.baseUrl));
  app.use('/assets', express.static(assetsFolder, { index: false }));
  app.use('/phone', gateway.sandboxRouter);
  app.use('/gateway', gateway.gatewayRouter);
  app.use('/twilio', twilio.router);
  app.use('/telnyx', telnyx.router);
  app.use('/android', android.router);
  app.use('/meta', meta.router);
  app.use('/waha', waha.router);
  app.use('/evolution', evolution.router);
  app.use('/telegram', telegram.router);
  app.use('/mailgun', mailgun.router);
  app.use('/resend', resend.router);
  app.use(simulator.router, page.router, createCustomPageRouter(simulator, options.app.baseUrl));

  const server = createServer(app);
  await new Promise<void>((done, failed) =>
    server.once('error', failed).listen({ port: options.port, host: options.host ?? '127.0.0.1' }, done),
  );
  url = `http://localhost:${(server.address() as AddressInfo).port}`;
  await listenSmpp(smsc, options.port === 0 ? 0 : options.port + 1);
  const mailPorts = await mailbox.start(options.port === 0 ? 0 : options.port + 2);
  const configs = {
    gateway: { url: getGatewayUrl(), secret: phoneSecret },
    twilio: toTwilioExample(twilio.state, `${url}/twilio`),
    telnyx: toTelnyxExample(telnyx.state, `${url}/telnyx`),
    android_sms_gateway: toAndroidExample(android.state, `${url}/android`),
    smpp: toSmppExample(smsc.state),
    whatsapp_cloud: toWhatsAppExample(meta.state, `${url}/meta`),
    waha: toWahaExample(waha.state, `${url}/waha`),
    evolution: toEvolutionExample(evolution.state, `${url}/evolution`),
    telegram: { token: telegram.state.bot.token, baseUrl: `${url}/telegram` },
    email: toMailboxExample(mailbox.state, mailPorts),
    mailgun: toMailgunExample(mailgun.state, `${url}/mailgun`),
    resend: toResendExample(resend.state, `${url}/resend`),
  };
  return {
    url,
    publicKey: simulator.publicKey,
    sharedSecret,
    phone: { url: `${url}/phone`, secret: phoneSecret },
    examples: {
      configs,
      phoneTypes: [...Object.keys(configs), 'sandbox'],
      to: { sms: demoNumber, email: demoAddress },
      inboxUrl: `${url}/desk`,
    },
    simulator,
    async close() {
      page.close();
      meta.close();
      waha.close();
      evolution.close();
      telegram.close();
      await smsc.close();
      await mailbox.close();
      writer.now();
      await new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
    },
  };
}

/** Finds the webhook URL of the phone's gateway, through the provider for which a location has connected it. */
async function findGatewayCallbackUrl(
  client: AppClient,
  providers: SimApp['providers'],
  locationId: string,
  gatewayUrl: string,
): Promise<string | null> {
  for (const { key } of providers) {
    const found = await client.findConnection(locationId, key);
    if (found?.config.url === gatewayUrl) return found.callbackUrl;
  }
  return null;
}

/** Refuses foreign host names: the page returns an admin's context, and a page of another site must not read it. */
function requireHost(appUrl: string): RequestHandler {
  const hosts = listDevelopmentHosts(appUrl);
  return (request, response, next) => {
    if (isAllowedHost(hosts, request.headers.host)) return next();
    response.status(403).json({ problem: 'Open the sandbox as localhost, or under the host of APP_URL.' });
  };
}

function setSecurityHeaders(appUrl: string) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        // Pictures in messages are the app's.
        imgSrc: ["'self'", appUrl],
        connectSrc: ["'self'"],
        // The app's own page, shown as HighLevel shows it.
        frameSrc: [appUrl],
        // The consent form posts here and is redirected to the app.
        formAction: ["'self'", appUrl],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  });
}

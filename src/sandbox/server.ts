import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { AxiosInstance } from 'axios';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Clock } from '../core/clock.ts';
import { isAllowedHost, listDevelopmentHosts } from '../core/hosts.ts';
import type { RandomSource } from '../core/ids.ts';
import { type Behaviour, createSimulator, type SimApp, type Simulator } from './highlevel/simulator.ts';
import { createPhone } from './phone.ts';
import { createStateWriter, readState } from './state-file.ts';
import { createAppClient } from './ui/app-client.ts';
import { createCustomPageRouter } from './ui/frame.ts';
import { createUi } from './ui/router.ts';

export interface SandboxOptions {
  port: number;
  /** Address to listen on. By default this machine alone. */
  host?: string | undefined;
  clock: Clock;
  random: RandomSource;
  http: AxiosInstance;
  app: SimApp;
  adminToken: string;
  behaviour?: Partial<Behaviour>;
  /** File of the state; without it the state ends with the process. */
  stateFile?: string | undefined;
}

/** A simulated HighLevel, a phone and a page to use them. */
export interface Sandbox {
  url: string;
  /** For HIGHLEVEL_WEBHOOK_PUBLIC_KEYS. */
  publicKey: string;
  /** For HIGHLEVEL_SHARED_SECRETS. */
  sharedSecret: string;
  phone: { url: string; secret: string };
  /** Example of a gateway: the phone's own, a number that it is reached by, and the page that shows it. */
  example: {
    type: string;
    config: { url: string; secret: string };
    phoneTypes: readonly string[];
    to: string;
    inboxUrl: string;
  };
  simulator: Simulator;
  close(): Promise<void>;
}

/** Reserved for fiction, as all numbers of the demo. */
const demoNumber = '+12025550143';

const viewsFolder = resolve(import.meta.dirname, '../../views');

/** Starts the simulated HighLevel and the phone on one port of this machine. Never loaded in production. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, random, http } = options;
  const saved = readState(options.stateFile);
  const seed = saved ? Buffer.from(saved.seed, 'base64') : random(32);
  const phoneSecret = saved?.phoneSecret ?? `whsec_${random(32).toString('base64')}`;

  const notifyChange = () => {
    writer.schedule();
    page.notifyChange();
  };
  const sharedSecret = saved?.sharedSecret ?? random(24).toString('base64url');
  const simulator = createSimulator({
    ...options,
    app: { ...options.app, sharedSecret },
    seed,
    state: saved?.highLevel,
    onChange: notifyChange,
  });
  const client = createAppClient(http, options.app.baseUrl, options.adminToken);
  const findCallbackUrl = (locationId: string) =>
    findGatewayCallbackUrl(client, options.app.providers, locationId, () => gatewayUrl);
  const phone = createPhone({
    clock,
    random,
    http,
    secret: phoneSecret,
    state: saved?.phone,
    onChange: notifyChange,
    findCallbackUrl,
  });
  const writer = createStateWriter(clock, options.stateFile, () => ({
    seed: seed.toString('base64'),
    phoneSecret,
    sharedSecret,
    highLevel: simulator.state,
    phone: phone.state,
  }));
  const page = createUi({ simulator, phone, app: client, appUrl: options.app.baseUrl });
  if (!saved) seedDemo(simulator);
  writer.now();

  const app = express();
  app.disable('x-powered-by').set('views', viewsFolder).set('view engine', 'ejs');
  app.use(requireHost(options.app.baseUrl), setSecurityHeaders(options.app.baseUrl));
  app.use('/assets', express.static(resolve(viewsFolder, 'assets'), { index: false }));
  app.use('/phone', phone.router);
  app.use('/gateway', phone.gateway);
  app.use(simulator.router, page.router, createCustomPageRouter(simulator, options.app.baseUrl));

  const server = createServer(app);
  await new Promise<void>((done, failed) =>
    server.once('error', failed).listen({ port: options.port, host: options.host ?? '127.0.0.1' }, done),
  );
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const gatewayUrl = `${url}/gateway`;
  return {
    url,
    publicKey: simulator.publicKey,
    sharedSecret,
    phone: { url: `${url}/phone`, secret: phoneSecret },
    example: {
      type: 'gateway',
      config: { url: gatewayUrl, secret: phoneSecret },
      phoneTypes: ['gateway', 'sandbox'],
      to: demoNumber,
      inboxUrl: `${url}/desk`,
    },
    simulator,
    async close() {
      page.close();
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
  client: ReturnType<typeof createAppClient>,
  providers: SimApp['providers'],
  locationId: string,
  url: () => string,
): Promise<string | null> {
  for (const { key } of providers) {
    const found = await client.findGatewayCallbackUrl(locationId, key, url());
    if (found) return found;
  }
  return null;
}

function seedDemo(simulator: Simulator): void {
  simulator.addCompany({ id: 'SandboxCompany000001', name: 'Harbour Agency' });
  const dental = simulator.addLocation({ name: 'Harbour Dental' });
  const fitness = simulator.addLocation({ name: 'Northside Fitness' });
  simulator.addContact(dental.id, { name: 'Maya Ortiz', phone: demoNumber, tags: ['patient'], source: 'front desk' });
  simulator.addContact(dental.id, { name: 'Tom Becker', phone: '+12025550117' });
  simulator.addContact(fitness.id, { name: 'Ines Duarte', phone: '+12025550168' });
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
        imgSrc: ["'self'"],
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

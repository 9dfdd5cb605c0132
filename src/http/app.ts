import { resolve } from 'node:path';
import express, { type Express } from 'express';
import type { NewId } from '../core/ids.ts';
import type { Log } from '../runtime/log.ts';
import { type ApiDeps, api } from './api/router.ts';
import { type CallbackDeps, channelCallbacks } from './channel-callbacks.ts';
import { type EmbedDeps, embed } from './embed.ts';
import { health } from './health.ts';
import { type InstallPageDeps, install } from './install.ts';
import { installProgressPage } from './install-progress.ts';
import { errorHandler, notFound } from './middleware/errors.ts';
import { limitRequests } from './middleware/rate-limit.ts';
import { requestLog } from './middleware/request-log.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { sessions } from './middleware/sessions.ts';
import { type WebhookDeps, webhooks } from './webhooks.ts';

export interface AppDeps extends WebhookDeps, CallbackDeps, InstallPageDeps, EmbedDeps, ApiDeps {
  newId: NewId;
  log: Log;
  sessionSecrets: string[];
  adminToken: string | undefined;
  /** The simulated HighLevel's address, in sandbox mode. */
  sandboxUrl: string | undefined;
}

/** A page that follows an agency's install asks every few seconds. */
const pages = { points: 600, duration: 60 };
/** Each begun install is a row in the database, so one address can't begin without end. */
const installs = { points: 60, duration: 60 };

const views = resolve(import.meta.dirname, '../../views');

/** The whole HTTP edge: what programs call first, then what people see. */
export function createApp(deps: AppDeps): Express {
  const https = deps.appUrl.startsWith('https:');
  const app = express();
  app.disable('x-powered-by');
  // What we answer is new each time; its hash would only cost. Files have their own.
  app.disable('etag');
  app.set('views', views);
  app.set('view engine', 'ejs');
  // A proxy in front of us is on our own network; anybody else's X-Forwarded-For is only a claim.
  app.set('trust proxy', ['loopback', 'linklocal', 'uniquelocal']);
  app.use(requestLog(deps), securityHeaders({ https }));

  app.use(health(deps));
  app.use(webhooks(deps));
  app.use(channelCallbacks(deps));
  app.use('/api', api(deps));

  app.use(embed(deps), limitRequests(pages), installProgressPage(deps));
  app.use('/assets', express.static(resolve(views, 'assets'), { maxAge: '1h', index: false }));
  app.get('/', (_request, response) => response.render('home', { title: 'Patchbay', sandboxUrl: deps.sandboxUrl }));
  app.use(['/install', '/oauth'], limitRequests(installs));
  app.use(sessions(deps.db, { secrets: deps.sessionSecrets, https }), install(deps));

  app.use(notFound, errorHandler(deps.log));
  return app;
}

/** What a process that only works shows of itself. */
export function createHealthApp(deps: Parameters<typeof health>[0]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(health(deps), notFound, errorHandler(deps.log));
  return app;
}

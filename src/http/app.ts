import { resolve } from 'node:path';
import express, { type Express } from 'express';
import type { NewId } from '../core/ids.ts';
import type { Log } from '../runtime/log.ts';
import { addressPages } from './address-pages.ts';
import { type ApiDeps, api } from './api/router.ts';
import { type CallbackDeps, channelCallbacks } from './channel-callbacks.ts';
import { type EmbedDeps, embed } from './embed.ts';
import { type HealthDeps, health } from './health.ts';
import { type InstallPageDeps, install } from './install.ts';
import { installProgressPage } from './install-progress.ts';
import { type MediaPageDeps, mediaPages } from './media.ts';
import { errorHandler, notFound } from './middleware/errors.ts';
import { requireHost, warnOfUntrustedProxy } from './middleware/front.ts';
import { createGuessLimits, type GuessLimitDeps } from './middleware/guess-limits.ts';
import { language } from './middleware/language.ts';
import { limitRequests } from './middleware/rate-limit.ts';
import { requestLog } from './middleware/request-log.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { operatorSessions } from './middleware/sessions.ts';
import { singleHost } from './middleware/single-host.ts';
import { type OperatorPagesDeps, operatorPages } from './operator/router.ts';
import { assets } from './pages/assets.ts';
import { type EmbeddedDeps, embeddedPages } from './pages/embedded.ts';
import { loadLanguages } from './pages/texts.ts';
import { type WebhookDeps, webhooks } from './webhooks.ts';

type WithGuesses = ApiDeps & EmbeddedDeps & OperatorPagesDeps;

export interface AppDeps
  extends WebhookDeps,
    CallbackDeps,
    InstallPageDeps,
    EmbedDeps,
    HealthDeps,
    MediaPageDeps,
    GuessLimitDeps,
    Omit<WithGuesses, 'guesses'> {
  newId: NewId;
  log: Log;
  sessionSecrets: string[];
  adminToken: string | undefined;
  /** How many proxies stand in front, or their addresses, ranges and kinds of networks. */
  trustProxy: number | string[];
  /** Outside production: the only hosts under which this is asked for. */
  allowedHosts: ReadonlySet<string> | undefined;
  /** The simulated HighLevel's address, in sandbox mode. */
  sandboxUrl: string | undefined;
}

/** A page that follows an agency's install asks every few seconds. */
const pages = { points: 600, duration: 60 };
/** A conversation with many pictures asks for all of them at once. */
const files = { points: 1_200, duration: 60 };
/** A callback is a call to HighLevel, so one address can't make them without end. */
const installs = { points: 60, duration: 60 };

const views = resolve(import.meta.dirname, '../../views');
const docs = resolve(import.meta.dirname, '../../docs');

/** The whole HTTP edge: what programs call first, then what people see. */
export function createApp(deps: AppDeps): Express {
  const https = deps.appUrl.startsWith('https:');
  const app = express();
  app.disable('x-powered-by');
  // A session's cookie and the log's masks compare paths by letter; so does every router.
  app.enable('case sensitive routing');
  // What we answer is new each time; its hash would only cost. Files have their own.
  app.disable('etag');
  app.set('views', views);
  app.set('view engine', 'ejs');
  // X-Forwarded-For of any other sender is only a claim.
  app.set('trust proxy', deps.trustProxy);
  app.use(requestLog(deps), singleHost, warnOfUntrustedProxy(deps));
  if (deps.allowedHosts) app.use(requireHost(deps.allowedHosts));

  // What programs post: they heed no header that is meant for browsers, and there are thousands of them a second.
  app.use(webhooks(deps), channelCallbacks(deps));
  app.use(securityHeaders({ https }), health(deps));
  const guesses = createGuessLimits(deps);
  app.use('/api', api({ ...deps, guesses }));

  app.use('/media', limitRequests(files));
  app.use(mediaPages(deps));

  const ours = assets(resolve(views, 'assets'));
  app.locals.assets = ours.url;
  app.use(ours.router, language(loadLanguages(resolve(views, 'languages'))));
  app.use(
    embed(deps),
    embeddedPages({ ...deps, guesses }),
    limitRequests(pages),
    addressPages(deps),
    installProgressPage(deps),
  );
  app.use('/admin', operatorSessions(deps.db, { secrets: deps.sessionSecrets, https }), operatorPages({ ...deps, guesses }));
  // What whoever sets up a far side needs to read.
  for (const guide of new Set([...deps.channels.values()].flatMap((channel) => channel.setupGuide ?? []))) {
    app.get(`/docs/${guide}.md`, (_request, response) => {
      response.sendFile(resolve(docs, `${guide}.md`), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    });
  }
  app.get('/', (_request, response) => {
    response.set('cache-control', 'no-store').render('home', { sandboxUrl: deps.sandboxUrl });
  });
  app.use(['/install', '/oauth'], limitRequests(installs));
  app.use(install(deps));

  app.use(notFound, errorHandler(deps.log));
  return app;
}

/** What a process that only works shows of itself. */
export function createHealthApp(deps: Parameters<typeof health>[0]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(singleHost, health(deps), notFound, errorHandler(deps.log));
  return app;
}

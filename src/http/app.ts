import { resolve } from 'node:path';
import express, { type Express } from 'express';
import type { NewId } from '../core/ids.ts';
import type { Log } from '../runtime/log.ts';
import { createAddressPageRouter } from './address-pages.ts';
import { type AdminRouterDeps, createAdminRouter } from './admin/router.ts';
import { type ApiDeps, createApiRouter } from './api/router.ts';
import { type AttachmentPageDeps, createAttachmentRouter } from './attachments.ts';
import { createEmbedRouter, type EmbedDeps } from './embed.ts';
import { createHealthRouter, type HealthDeps } from './health.ts';
import { createInstallRouter, type InstallPageDeps } from './install.ts';
import { createInstallProgressRouter } from './install-progress.ts';
import { type AuthFailureLimitDeps, createAuthFailureLimit } from './middleware/auth-failure-limit.ts';
import { createErrorHandler, handleNotFound } from './middleware/errors.ts';
import { chooseLanguage } from './middleware/language.ts';
import { requireHost, warnAboutUntrustedProxy } from './middleware/proxy.ts';
import { limitRequests } from './middleware/rate-limit.ts';
import { logRequests } from './middleware/request-log.ts';
import { setSecurityHeaders } from './middleware/security-headers.ts';
import { createOperatorSessions } from './middleware/sessions.ts';
import { requireSingleHost } from './middleware/single-host.ts';
import { createEmbeddedRouter, type EmbeddedRouterDeps } from './pages/embedded.ts';
import { createAssets } from './pages/framework/assets.ts';
import { loadLanguages } from './pages/framework/texts.ts';
import { type ChannelWebhookDeps, createChannelWebhookRouter } from './webhooks/channels.ts';
import { createHighLevelWebhookRouter, type HighLevelWebhookDeps } from './webhooks/highlevel.ts';

type WithAuthFailureLimit = ApiDeps & EmbeddedRouterDeps & AdminRouterDeps;

export interface AppDeps
  extends HighLevelWebhookDeps,
    ChannelWebhookDeps,
    InstallPageDeps,
    EmbedDeps,
    HealthDeps,
    AttachmentPageDeps,
    AuthFailureLimitDeps,
    Omit<WithAuthFailureLimit, 'authFailureLimit'> {
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
const pageLimit = { points: 600, duration: 60 };
/** A conversation with many pictures asks for all of them at once. */
const attachmentLimit = { points: 1_200, duration: 60 };
/** A callback is a call to HighLevel, so one address can't make them without end. */
const installLimit = { points: 60, duration: 60 };

const views = resolve(import.meta.dirname, '../../views');
const docs = resolve(import.meta.dirname, '../../docs');

/** The whole HTTP edge: what programs call first, then what people see. */
export function createHttpApp(deps: AppDeps): Express {
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
  app.use(logRequests(deps), requireSingleHost, warnAboutUntrustedProxy(deps));
  if (deps.allowedHosts) app.use(requireHost(deps.allowedHosts));

  // What programs post: they heed no header that is meant for browsers, and there are thousands of them a second.
  app.use(createHighLevelWebhookRouter(deps), createChannelWebhookRouter(deps));
  app.use(setSecurityHeaders({ https }), createHealthRouter(deps));
  const authFailureLimit = createAuthFailureLimit(deps);
  app.use('/api', createApiRouter({ ...deps, authFailureLimit }));

  app.use('/media', limitRequests(attachmentLimit));
  app.use(createAttachmentRouter(deps));

  const staticFiles = createAssets(resolve(views, 'assets'));
  app.locals.assets = staticFiles.url;
  app.use(staticFiles.router, chooseLanguage(loadLanguages(resolve(views, 'languages'))));
  app.use(
    createEmbedRouter(deps),
    createEmbeddedRouter({ ...deps, authFailureLimit }),
    limitRequests(pageLimit),
    createAddressPageRouter(deps),
    createInstallProgressRouter(deps),
  );
  app.use(
    '/admin',
    createOperatorSessions(deps.db, { secrets: deps.sessionSecrets, https }),
    createAdminRouter({ ...deps, authFailureLimit }),
  );
  // What whoever sets up a far side needs to read.
  for (const guide of new Set([...deps.channels.values()].flatMap((channel) => channel.setupGuide ?? []))) {
    app.get(`/docs/${guide}.md`, (_request, response) => {
      response.sendFile(resolve(docs, `${guide}.md`), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    });
  }
  app.get('/', (_request, response) => {
    response.set('cache-control', 'no-store').render('home', { sandboxUrl: deps.sandboxUrl });
  });
  app.use(['/install', '/oauth'], limitRequests(installLimit));
  app.use(createInstallRouter(deps));

  app.use(handleNotFound, createErrorHandler(deps.log));
  return app;
}

/** What a process that only works shows of itself. */
export function createHealthApp(deps: Parameters<typeof createHealthRouter>[0]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(requireSingleHost, createHealthRouter(deps), handleNotFound, createErrorHandler(deps.log));
  return app;
}

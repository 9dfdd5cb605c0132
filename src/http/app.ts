import { resolve } from 'node:path';
import express, { type Express } from 'express';
import type { Connections } from '../compose/connections.ts';
import type { Log } from '../runtime/log.ts';
import { createAddressPageRouter } from './address-pages.ts';
import { type AdminRouterDeps, createAdminRouter } from './admin/router.ts';
import { type ApiDeps, createApiRouter } from './api/router.ts';
import { type AttachmentPageDeps, createAttachmentRouter } from './attachments.ts';
import { type ConsentPageDeps, createConsentRouter } from './consent.ts';
import { type ContactLinkPageDeps, createContactLinkRouter } from './contact-links.ts';
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
import { createUnsubscribeRouter, type UnsubscribePageDeps } from './unsubscribe.ts';
import { type ChannelWebhookDeps, createChannelWebhookRouter } from './webhooks/channels.ts';
import { createHighLevelWebhookRouter, type HighLevelWebhookDeps } from './webhooks/highlevel.ts';
import { createWorkflowRouter, type WorkflowRouterDeps } from './workflows/router.ts';

/** Dependencies of all routers. The limit on authentication failures is created here, one for the whole process. */
export type AppDeps = Omit<ApiDeps & EmbeddedRouterDeps & AdminRouterDeps, 'authFailureLimit'> &
  AuthFailureLimitDeps &
  AttachmentPageDeps &
  ChannelWebhookDeps &
  ConsentPageDeps &
  ContactLinkPageDeps &
  EmbedDeps &
  HealthDeps &
  HighLevelWebhookDeps &
  InstallPageDeps &
  UnsubscribePageDeps &
  WorkflowRouterDeps &
  EdgeDeps;

interface EdgeDeps {
  connections: Pick<Connections, 'channels'>;
  log: Log;
  sessionSecrets: string[];
  /** Number of proxies in front of the program, or their addresses, ranges and kinds of networks. */
  trustProxy: number | string[];
  /** Outside production: the only hosts under which the program may be requested. */
  allowedHosts: ReadonlySet<string> | undefined;
  /** The simulated HighLevel's address, in sandbox mode. */
  sandboxUrl: string | undefined;
}

/** Allows for pages that poll every few seconds, as that of an agency's install. */
const pageLimit = { points: 600, duration: 60 };
/** Allows for a conversation with many pictures, which the browser requests at the same time. */
const attachmentLimit = { points: 1_200, duration: 60 };
/** Each OAuth callback causes a call to HighLevel or to a service, so one IP address may not cause many. */
const installLimit = { points: 60, duration: 60 };

const views = resolve(import.meta.dirname, '../../views');
const docs = resolve(import.meta.dirname, '../../docs');

/** Creates the Express app: first the endpoints that programs call, then the pages. */
export function createHttpApp(deps: AppDeps): Express {
  const https = deps.appUrl.startsWith('https:');
  const app = express();
  app.disable('x-powered-by');
  // The session cookie's path and the log's masks are case sensitive, so all routers are.
  app.enable('case sensitive routing');
  // Every response is new, so hashing it for an ETag is wasted. Static files have their own.
  app.disable('etag');
  app.set('views', views);
  app.set('view engine', 'ejs');
  // X-Forwarded-For of other senders may be forged.
  app.set('trust proxy', deps.trustProxy);
  app.use(logRequests(deps), requireSingleHost, warnAboutUntrustedProxy(deps));
  if (deps.allowedHosts) app.use(requireHost(deps.allowedHosts));

  // Webhooks come first: there are thousands a second, and their senders ignore the headers that are meant for browsers.
  app.use(createHighLevelWebhookRouter(deps), createChannelWebhookRouter(deps), createWorkflowRouter(deps));
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
    createContactLinkRouter(deps),
    createUnsubscribeRouter(deps),
    createAddressPageRouter(deps),
    createInstallProgressRouter(deps),
  );
  app.use(
    '/admin',
    createOperatorSessions(deps.db, { secrets: deps.sessionSecrets, https }),
    createAdminRouter({ ...deps, authFailureLimit }),
  );
  // Setup guides of channels, for the person who sets up the vendor.
  for (const guide of new Set([...deps.connections.channels.values()].flatMap((channel) => channel.setupGuide ?? []))) {
    app.get(`/docs/${guide}.md`, (_request, response) => {
      response.sendFile(resolve(docs, `${guide}.md`), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    });
  }
  app.get('/', (_request, response) => {
    response.set('cache-control', 'no-store').render('home', { sandboxUrl: deps.sandboxUrl });
  });
  app.use(['/install', '/oauth'], limitRequests(installLimit));
  app.use(createInstallRouter(deps), createConsentRouter(deps));

  app.use(handleNotFound, createErrorHandler(deps.log));
  return app;
}

/** Creates the Express app of a process that is only a worker. */
export function createHealthApp(deps: Parameters<typeof createHealthRouter>[0]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(requireSingleHost, createHealthRouter(deps), handleNotFound, createErrorHandler(deps.log));
  return app;
}

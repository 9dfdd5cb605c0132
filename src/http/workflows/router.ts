import { type Request, type Response, Router } from 'express';
import type { Installations } from '../../compose/installations.ts';
import type { Workflows } from '../../compose/workflows.ts';
import { AppError } from '../../core/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { findActionKey } from '../../workflows/definitions.ts';
import { readActionRequest, readSubscriptionRequest } from '../../workflows/read-request.ts';
import { toAppError } from '../middleware/errors.ts';
import type { ReadBody } from '../read-body.ts';
import { createLocationCheck, refuseWrongSignature, requireSecret, type WorkflowAuthDeps } from './authenticate.ts';

export interface WorkflowRouterDeps extends WorkflowAuthDeps {
  log: Log;
  metrics: Metrics;
  readBody: ReadBody;
  installations: Pick<Installations, 'loadInstallation'>;
  workflows: Pick<Workflows, 'handleAction' | 'listFields' | 'handleSubscription'>;
}

type RequestKind = 'action' | 'fields' | 'trigger';

const maxBytes = 1024 * 1024;

/**
 * Creates the routes that HighLevel's workflows call. Each response comes from the database, within a second: calls to HighLevel and to vendors are
 * work for later.
 */
export function createWorkflowRouter(deps: WorkflowRouterDeps): Router {
  const router = Router({ caseSensitive: true });
  const checkLocation = createLocationCheck(deps.installations);

  router.post('/workflows/actions/:key', (request, response) =>
    respond(deps, 'action', request, response, async (body) => {
      const action = getActionKey(request);
      const read = readActionRequest(body);
      await checkLocation(read.locationId);
      return deps.workflows.handleAction(action, read);
    }),
  );

  router.post('/workflows/fields/:key', (request, response) =>
    respond(deps, 'fields', request, response, async (body) => {
      const action = getActionKey(request);
      const read = readActionRequest(body);
      await checkLocation(read.locationId);
      return deps.workflows.listFields(action, read);
    }),
  );

  router.post('/workflows/triggers', (request, response) =>
    respond(deps, 'trigger', request, response, async (body) => {
      const read = readSubscriptionRequest(body);
      await checkLocation(read.locationId);
      return { status: await deps.workflows.handleSubscription(read) };
    }),
  );

  return router;
}

function getActionKey(request: Request) {
  const key = findActionKey(String(request.params.key));
  if (key === null) throw new AppError('not_found', 'The app has no such workflow action.');
  return key;
}

async function respond(
  deps: WorkflowRouterDeps,
  kind: RequestKind,
  request: Request,
  response: Response,
  handle: (body: Buffer) => Promise<object>,
): Promise<void> {
  try {
    requireSecret(deps, request);
    const result = await deps.readBody(request, response, maxBytes, async (body) => {
      await refuseWrongSignature(deps, request, body);
      return handle(body);
    });
    deps.metrics.workflowRequests.inc({ kind, outcome: 'accepted' });
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).json(result);
  } catch (error) {
    const { code } = toAppError(error);
    deps.metrics.workflowRequests.inc({ kind, outcome: code });
    // The names alone: a value may be a secret.
    deps.log.info({ kind, code, headers: Object.keys(request.headers) }, 'a request of a workflow was refused');
    throw error;
  }
}

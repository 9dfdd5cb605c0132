import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import { createHighLevelId, type SimExecution } from './state.ts';
import { postWorkflowRequest } from './workflows.ts';
import type { SimWorld } from './world.ts';

/** Only such values become variables of later steps (platform-2026-11.md 3.2). */
const variable = z.union([z.string(), z.number(), z.boolean(), z.array(z.unknown()).min(1)]);

const resumeBody = z.strictObject({
  success: z.boolean(),
  successMessage: z.string().optional(),
  branchId: z.string().optional(),
  executionResponse: z.record(z.string(), variable),
  extras: z.looseObject({ statusId: z.string(), stepId: z.string(), locationId: z.string() }),
});

/** Creates the endpoint by which an app resumes a workflow that has paused at its action. */
export function createResumeEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      operation: 'resumeAction',
      method: 'post',
      path: '/workflows-marketplace/actions/resume-action',
      version: '2021-07-28',
      scope: 'workflows.readonly',
      kind: 'Location',
      handle: ({ body }, token) => resume(world, token.resourceId, body),
    },
  ];
}

function resume(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = resumeBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { extras, branchId, executionResponse } = parsed.data;
  const execution = world.state.executions[extras.statusId];
  if (execution?.extras.locationId !== locationId) return refuse(404, 'No such execution', 'state');
  // The request repeats `extras` as they came.
  if (JSON.stringify(sortKeys(extras)) !== JSON.stringify(sortKeys(execution.extras)))
    return refuse(400, 'extras differ', 'schema');
  execution.resumes.push({ branchId: branchId ?? null, variables: executionResponse });
  return { status: 200, body: { success: true } };
}

const sortKeys = (fields: Record<string, unknown>) => Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Executes an action for a contact, as a workflow does. @param isPausing the action waits: then its step has ids */
export async function executeAction(
  world: SimWorld,
  locationId: string,
  key: string,
  data: Record<string, unknown>,
  options: { contactId?: string; isPausing?: boolean },
): Promise<{ execution: SimExecution; status: number; body: Record<string, unknown> }> {
  const [statusId, stepId, workflowId] = [0, 1, 2].map(() => createHighLevelId(world.random)) as [string, string, string];
  const { contactId, isPausing = false } = options;
  const extras = {
    ...{ locationId, workflowId, ...(contactId ? { contactId } : {}) },
    ...(isPausing ? { key, statusId, stepId, stepIndex: 3 } : {}),
  };
  const execution: SimExecution = { key, data, extras, resumes: [] };
  if (isPausing) world.state.executions[statusId] = execution;
  return { execution, ...(await postExecution(world, execution)) };
}

/** Posts an execution, or the same one again, byte by byte. */
export function postExecution(world: SimWorld, { key, data, extras }: SimExecution) {
  return postWorkflowRequest(world, `/workflows/actions/${key}`, { data, extras, meta: { key, version: '1.0' } });
}

/** Loads the dynamic fields of an action's form. */
export function loadFields(world: SimWorld, locationId: string, key: string, data: Record<string, unknown>) {
  const extras = { locationId, workflowId: 'workflow1' };
  return postWorkflowRequest(world, `/workflows/fields/${key}`, { data, extras, meta: { key, version: '1.0' } });
}

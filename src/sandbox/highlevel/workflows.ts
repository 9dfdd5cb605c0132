import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import { createHighLevelId, type SimFilter, type SimTrigger } from './state.ts';
import type { SimWorld } from './world.ts';

const payload = z.looseObject({ contactId: z.string().optional() });

/** Creates the endpoints by which an app starts workflows (platform-2026-11.md 3.2). */
export function createTriggerEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      operation: 'executeTrigger',
      method: 'post',
      path: '/workflows-marketplace/triggers/execute/:locationId/:triggerId',
      version: '2021-07-28',
      scope: 'workflows.readonly',
      kind: 'Location',
      handle: ({ params, body }, token) => execute(world, token.resourceId, params as Record<string, string>, body),
    },
  ];
}

function execute(world: SimWorld, ownLocationId: string, params: Record<string, string>, body: unknown): SimResponse {
  const { locationId, triggerId = '' } = params;
  const parsed = payload.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  if (locationId !== ownLocationId) return refuse(401, 'This authClass type is not allowed to access this scope', 'token');
  const trigger = world.state.triggers[triggerId];
  if (trigger?.locationId !== locationId || !trigger?.isActive) {
    return refuse(400, `trigger with id: ${triggerId} inactive`, 'state');
  }
  trigger.executions.push(parsed.data);
  return { status: 200, body: { success: true } };
}

/** Adds the app's trigger to a workflow, changes or removes it, as a user does, and posts it to the app. @returns the HTTP status */
export function postSubscription(
  world: SimWorld,
  trigger: SimTrigger,
  eventType: 'CREATED' | 'UPDATED' | 'DELETED',
): Promise<number> {
  const { id, key, locationId, workflowId } = trigger;
  const filters = trigger.filters.map(({ field, value, operator = '==' }) => ({
    ...{ field, id: field, operator, value },
    ...{ title: field, type: Array.isArray(value) ? 'multiselect' : 'select' },
  }));
  const targetUrl = `${world.apiUrl()}/workflows-marketplace/triggers/execute/${locationId}/${id}`;
  return postWorkflowRequest(world, '/workflows/triggers', {
    triggerData: { id, key, filters, eventType, targetUrl },
    meta: { key, version: '1.0' },
    extras: { locationId, workflowId, companyId: world.state.locations[locationId]?.companyId },
  }).then(({ status }) => status);
}

/** Creates a trigger of a workflow. */
export function createTrigger(world: SimWorld, locationId: string, key: string, filters: readonly SimFilter[]): SimTrigger {
  const [id, workflowId] = [createHighLevelId(world.random), createHighLevelId(world.random)];
  const trigger: SimTrigger = { id, key, locationId, workflowId, filters, isActive: true, executions: [] };
  world.state.triggers[id] = trigger;
  return trigger;
}

/** Posts a request of a workflow to the app, with the headers that the operator has set up. @returns the app's response; status 0 without one */
export async function postWorkflowRequest(
  world: SimWorld,
  path: string,
  body: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  try {
    const response = await world.http.post(`${world.app.baseUrl}${path}`, JSON.stringify(body), {
      headers: { 'content-type': 'application/json', 'x-patchbay-secret': world.app.workflowSecret ?? '' },
      transformRequest: (data: unknown) => data,
      validateStatus: () => true,
    });
    const text = typeof response.data === 'string' ? response.data : JSON.stringify(response.data);
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  } catch {
    // The app is down or restarting.
    return { status: 0, body: {} };
  }
}

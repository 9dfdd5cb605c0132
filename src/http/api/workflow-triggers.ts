import * as z from 'zod';
import type { Workflows } from '../../compose/workflows.ts';
import { triggerErrors, triggerStates } from '../../outbox/list-triggers.ts';
import { parseStoredFilters } from '../../workflows/match-filters.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, locationParams, time } from './schemas.ts';

export interface WorkflowTriggerRouteDeps {
  workflows: Pick<Workflows, 'listTriggers'>;
}

const workflowTrigger = z
  .object({
    triggerId: z.string().describe('HighLevel’s id of the trigger in its workflow.'),
    workflowId: z.string().nullable(),
    type: z.string().describe('Key of the trigger, such as `message_failed`.'),
    filters: z
      .array(z.object({ field: z.string(), operator: z.string(), values: z.array(z.string()) }))
      .describe('An event must meet all of them, each by one of its values.'),
    state: z
      .enum(triggerStates)
      .describe('`waiting`: events are not sent yet. `failing`: its last request did not certainly start the workflow.'),
    waitingCount: z.int().describe('Events that are not sent yet.'),
    lastFiredAt: time.nullable().describe('Last start of its workflow in the last 90 days.'),
    lastError: z
      .object({ outcome: z.enum(triggerErrors), message: z.string().nullable(), at: time })
      .nullable()
      .describe(
        '`refused`: HighLevel refused it. `unconfirmed`: it may have started. `expired`: HighLevel could not be reached for three days.',
      ),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'WorkflowTrigger' });

/** Defines the endpoint that lists the triggers of a location's workflows. */
export function createWorkflowTriggerRoutes({ workflows }: WorkflowTriggerRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/workflow-triggers',
      summary: 'List the app’s triggers in the workflows of a location, with their filters and results',
      permission: 'read',
      scope: 'locations:read',
      params: locationParams,
      response: createPageSchema(workflowTrigger),
      async handle({ location }) {
        const found = await workflows.listTriggers(location.resourceId);
        const items = found.map(({ kind, filters, lastError, locationId: _location, executeId: _execute, ...rest }) => ({
          ...rest,
          type: kind,
          filters: parseStoredFilters(filters).map((filter) => ({ ...filter, values: [...filter.values] })),
          lastError: lastError && { outcome: lastError.outcome, message: lastError.details, at: lastError.at },
        }));
        return { items, nextCursor: null };
      },
    }),
  ];
}

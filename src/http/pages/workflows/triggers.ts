import * as z from 'zod';
import type { Workflows } from '../../../compose/workflows.ts';
import { parseStoredFilters } from '../../../workflows/match-filters.ts';
import { definePage } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

export interface TriggerPageDeps {
  workflows: Pick<Workflows, 'listTriggers'>;
  /** None where the operator has not set workflows up. */
  workflowSecrets: readonly string[];
}

/** Creates the page of the app's triggers in the workflows of a location. */
export function createTriggersPage({ workflows, workflowSecrets }: TriggerPageDeps) {
  return definePage({
    path: 'workflow-triggers',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'workflow-triggers',
    query: z.object({}),

    async show({ location, text }) {
      const triggers = await workflows.listTriggers(location.resourceId);
      return {
        title: text('workflows.triggers.title'),
        isSetUp: workflowSecrets.length > 0,
        triggers: triggers.map(({ kind, filters, ...trigger }) => ({
          ...trigger,
          name: toName(text, `workflows.triggers.kinds.${kind}`, kind),
          filters: parseStoredFilters(filters).map(({ field, values }) => ({
            name: toName(text, `workflows.triggers.fields.${field}`, field),
            values: values.join(', '),
          })),
        })),
      };
    },
  });
}

/** Names what this version knows; a subscription may be older or newer. */
function toName(text: Text, key: string, otherwise: string): string {
  return text.has(key) ? text(key) : otherwise;
}

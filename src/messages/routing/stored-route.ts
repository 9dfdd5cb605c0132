import * as z from 'zod';
import { routingRules, stepResults, unavailableReasons } from './decide-sender.ts';

export const routingRule = z.enum(routingRules);

export const routingStep = z.object({
  rule: z.enum([...routingRules, 'next']),
  result: z.enum(stepResults).describe('`chosen`: it decides. `replaced`, `waits` and `fails`: it decides and is unavailable.'),
  value: z.string().optional().describe('Tag, user, country, prefix, override or chosen sender that matched.'),
  because: z.enum(unavailableReasons).optional().describe('Why the chosen one is unavailable.'),
});

/** The decision about a message, as stored with it. */
export const storedRoute = z.object({
  rule: routingRule,
  steps: z.array(routingStep).describe('Rules in their order, up to the one that decided.'),
  connectionId: z.uuid(),
  /** Channel type and name of the connection at that time. */
  type: z.string(),
  name: z.string().nullable(),
  sender: z.string().nullable(),
  requestedSender: z.string().optional().describe('Sender that the workflow of the message has chosen.'),
});

export type StoredRoute = z.output<typeof storedRoute>;

/** Reads the decision that is stored with a message. @returns null where nothing was to choose */
export function readRoute(stored: unknown): StoredRoute | null {
  const result = storedRoute.safeParse(stored);
  return result.success ? result.data : null;
}

import * as z from 'zod';
import { type Check, checkFixes, checkMessages, fillPlaceholders } from '../../checks/check.ts';
import { type CheckDeps, checkLocation, checkProgram } from '../../checks/run-checks.ts';
import { route } from './route.ts';
import { locationParams } from './shapes.ts';

const checks = z
  .object({
    checks: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['ok', 'warning', 'failed']),
        message: z.string(),
        fix: z.string().optional().describe('What to do about it.'),
      }),
    ),
  })
  .meta({ id: 'Checks' });

/** Addresses of the connection check. */
export function checkRoutes(deps: CheckDeps) {
  return [
    route({
      method: 'get',
      path: '/check',
      summary: 'Whether the whole program is connected: keys, providers, webhooks at each address',
      needs: 'operator',
      answer: checks,
      handle: async () => ({ checks: (await checkProgram(deps)).map(inEnglish) }),
    }),

    route({
      method: 'get',
      path: '/locations/:locationId/check',
      summary: 'Whether a location is connected: token, scopes, provider access, channels, webhooks',
      needs: 'write',
      params: locationParams,
      answer: checks,
      handle: async ({ location }) => ({ checks: (await checkLocation(deps, location)).map(inEnglish) }),
    }),
  ];
}

function inEnglish({ name, status, messageKey, values, fix }: Check) {
  return {
    name,
    status,
    message: fillPlaceholders(checkMessages[messageKey], values),
    ...(fix ? { fix: checkFixes[fix] } : {}),
  };
}

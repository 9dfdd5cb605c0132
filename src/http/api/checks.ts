import * as z from 'zod';
import { type Check, checkFixes, checkMessages, fillPlaceholders } from '../../checks/check.ts';
import { type CheckDeps, checkLocation, checkProgram } from '../../checks/run-checks.ts';
import { defineRoute } from './route.ts';
import { locationParams } from './schemas.ts';

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

/** Defines the endpoints of the connection check. */
export function createCheckRoutes(deps: CheckDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/check',
      summary: 'Check the connection of the whole app: keys, providers, webhooks at each address',
      permission: 'operator',
      scope: null,
      response: checks,
      handle: async () => ({ checks: (await checkProgram(deps)).map(toEnglish) }),
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/check',
      summary: 'Check the connection of a location: token, scopes, provider access, channels, webhooks',
      permission: 'write',
      scope: 'locations:read',
      params: locationParams,
      response: checks,
      handle: async ({ location }) => ({ checks: (await checkLocation(deps, location)).map(toEnglish) }),
    }),
  ];
}

function toEnglish({ name, status, messageKey, values, fix }: Check) {
  return {
    name,
    status,
    message: fillPlaceholders(checkMessages[messageKey], values),
    ...(fix ? { fix: checkFixes[fix] } : {}),
  };
}

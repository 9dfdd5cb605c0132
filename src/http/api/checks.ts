import * as z from 'zod';
import { toEnglishCheck } from '../../checks/check.ts';
import type { Checks } from '../../compose/checks.ts';
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

export interface CheckRouteDeps {
  checks: Checks;
}

/** Defines the endpoints of the connection check. */
export function createCheckRoutes({ checks: { checkProgram, checkLocation } }: CheckRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/check',
      summary: 'Check the whole program: settings, database, address, keys, providers, storage, mail, webhooks at each address',
      permission: 'operator',
      scope: null,
      response: checks,
      handle: async () => ({ checks: (await checkProgram()).map(toEnglishCheck) }),
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/check',
      summary: 'Check the connection of a location: token, scopes, provider access, channels, webhooks',
      permission: 'write',
      scope: 'locations:read',
      params: locationParams,
      response: checks,
      handle: async ({ location }) => ({ checks: (await checkLocation(location)).map(toEnglishCheck) }),
    }),
  ];
}

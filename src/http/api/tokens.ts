import * as z from 'zod';
import type { Installations } from '../../compose/installations.ts';
import { apiScopes } from '../../core/api-token.ts';
import { maxChars } from '../../core/bounds.ts';
import { maxTokenDays } from '../../installations/api-tokens.ts';
import { toActor } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, locationParams, time } from './schemas.ts';

export interface TokenRouteDeps {
  installations: Pick<Installations, 'createApiToken' | 'listApiTokens' | 'revokeApiToken'>;
}

/** The form of a new token: the API's body, and the page's. */
export const tokenRequest = z.object({
  name: z.string().trim().min(1).max(maxChars.name),
  scopes: z.array(z.enum(apiScopes)).min(1).max(apiScopes.length),
  expiresInDays: z.int().min(1).max(maxTokenDays),
});

const tokenFields = {
  id: z.uuid(),
  name: z.string(),
  hint: z.string().describe('Last characters of the token.'),
  scopes: z.array(z.string()),
  createdBy: z.string().describe('User’s id, or `operator`.'),
  createdAt: time,
  expiresAt: time,
  lastUsedAt: time.nullable().describe('Recorded at most once a minute.'),
};

const apiToken = z.object(tokenFields).meta({ id: 'ApiToken' });
const createdApiToken = z
  .object({ ...tokenFields, token: z.string().describe('Shown this once: only its hash is stored.') })
  .meta({ id: 'CreatedApiToken' });

/** Defines the endpoints about a location's API tokens. No API token reaches them. */
export function createTokenRoutes({ installations }: TokenRouteDeps) {
  const path = '/locations/:locationId/tokens';
  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'List the API tokens of a location, the newest first',
      permission: 'write',
      scope: null,
      params: locationParams,
      response: createPageSchema(apiToken),
      handle: async ({ location }) => ({ items: await installations.listApiTokens(location.resourceId), nextCursor: null }),
    }),

    defineRoute({
      method: 'post',
      path,
      summary: 'Create an API token for a location; the response is the only time at which it is shown',
      permission: 'write',
      scope: null,
      params: locationParams,
      body: tokenRequest,
      response: createdApiToken,
      async handle({ location, body, access }) {
        const { row, token } = await installations.createApiToken(location, body, toActor(access));
        return { ...row, token };
      },
    }),

    defineRoute({
      method: 'delete',
      path: `${path}/:tokenId`,
      summary: 'Revoke an API token',
      permission: 'write',
      scope: null,
      params: locationParams.extend({ tokenId: z.uuid() }),
      handle: ({ location, params, access }) => installations.revokeApiToken(location, params.tokenId, toActor(access)),
    }),
  ];
}

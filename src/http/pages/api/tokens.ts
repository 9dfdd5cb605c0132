import * as z from 'zod';
import type { Installations } from '../../../compose/installations.ts';
import { apiScopes } from '../../../core/api-token.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import { isAppError } from '../../../core/errors.ts';
import { tokenRequest } from '../../api/tokens.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage } from '../framework/page.ts';

export interface TokenPageDeps {
  clock: Clock;
  installations: Pick<Installations, 'createApiToken' | 'listApiTokens' | 'revokeApiToken'>;
}

const path = 'api-tokens';
const lifetimes = [30, 90, 180, 365];

/** Creates the page of a location's API tokens: create one, which is shown once, and revoke. */
export function createTokensPage({ clock, installations }: TokenPageDeps) {
  return definePage({
    path,
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'api-tokens',
    permission: 'write',
    nav: { text: 'apiTokens.nav', order: 46, isInSettings: true },
    query: z.object({}),

    async show({ location, text }) {
      const rows = await installations.listApiTokens(location.resourceId);
      return {
        title: text('apiTokens.title'),
        rows: rows.map(({ tokenHash: _hash, ...row }) => ({ ...row, isExpired: row.expiresAt <= dateNow(clock) })),
        scopes: apiScopes.map((scope) => ({ value: scope, text: scope, help: text(`apiTokens.scopes.${scope}`) })),
        lifetimes: lifetimes.map((days) => ({ value: days, text: text('apiTokens.days', { count: days }) })),
        created: null,
      };
    },

    actions: {
      create: defineAction({
        permission: 'write',
        body: z.object({
          name: tokenRequest.shape.name,
          // A browser submits a single checked box as text, and none not at all.
          scopes: z.preprocess((value) => (value === undefined ? [] : [value].flat()), tokenRequest.shape.scopes),
          expiresInDays: z.coerce.number().pipe(tokenRequest.shape.expiresInDays),
        }),
        async run({ location, body, access, text }) {
          try {
            const { row, token } = await installations.createApiToken(location, body, toActor(access));
            return { notice: text('apiTokens.created'), viewData: { created: { name: row.name, token } } };
          } catch (error) {
            if (!isAppError(error, 'conflict') || location.status === 'uninstalled') throw error;
            return { errors: { name: text('apiTokens.taken') } };
          }
        },
      }),
      revoke: defineAction({
        permission: 'write',
        body: z.object({ tokenId: z.uuid() }),
        async run({ location, body, access, text, url }) {
          await installations.revokeApiToken(location, body.tokenId, toActor(access));
          return { redirectTo: url(path), notice: text('apiTokens.revoked') };
        },
      }),
    },
  });
}

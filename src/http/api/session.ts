import { isAppError } from '../../core/errors.ts';
import { readUserContext, type UserContext } from '../../highlevel/user-context.ts';
import { authorizeUserContext, detectReplay, type UserContextDeps } from '../../installations/authorize-user-context.ts';
import { requireCurrentSession } from '../../installations/sessions.ts';
import { signUserToken } from '../access.ts';
import type { GuessLimits } from '../middleware/guess-limits.ts';
import type { TokenDeps } from '../user-tokens.ts';
import { route } from './route.ts';
import { session, sessionWanted } from './shapes.ts';

export interface SessionRouteDeps extends UserContextDeps, TokenDeps {
  sharedSecrets: readonly string[];
  guesses: GuessLimits;
}

/** The address where the embedded page gets its token. */
export function sessionRoutes(deps: SessionRouteDeps) {
  return [
    route({
      method: 'post',
      path: '/session',
      summary: 'Exchange the user context of the parent frame for a token of 15 minutes',
      needs: 'nothing',
      body: sessionWanted,
      answer: session,
      async handle({ body, from }) {
        await deps.guesses.check('context', from);
        const context = await verified(deps, body.encryptedData, from);
        const seenAt = (await detectReplay(deps, body.encryptedData, context, from)).getTime();
        await requireCurrentSession(deps, { ...context, seenAt });
        await authorizeUserContext(deps, context);
        const { token, expiresAt } = await signUserToken(deps, context, seenAt);
        const { userId, userName, email, role, type, locationId, companyId } = context;
        return { token, expiresAt, user: { userId, userName, email, role, type }, locationId, companyId };
      },
    }),
  ];
}

async function verified(deps: SessionRouteDeps, encrypted: string, from: string): Promise<UserContext> {
  try {
    return readUserContext(encrypted, deps.sharedSecrets);
  } catch (error) {
    if (isAppError(error, 'context_invalid')) await deps.guesses.count('context', from);
    throw error;
  }
}

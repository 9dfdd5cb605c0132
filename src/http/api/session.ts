import { isAppError } from '../../core/errors.ts';
import { readUserContext, type UserContext } from '../../highlevel/user-context.ts';
import { noticeReplay, receiveVisit, type VisitDeps } from '../../installations/visits.ts';
import { signUserToken } from '../access.ts';
import type { GuessLimit } from '../middleware/authenticate.ts';
import type { TokenDeps } from '../user-tokens.ts';
import { route } from './route.ts';
import { session, sessionWanted } from './shapes.ts';

export interface SessionRouteDeps extends VisitDeps, TokenDeps {
  sharedSecrets: readonly string[];
  guesses: GuessLimit;
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
        await deps.guesses.check(from);
        const context = await verified(deps, body.encryptedData, from);
        await noticeReplay(deps, body.encryptedData, context, from);
        await receiveVisit(deps, context);
        const { token, expiresAt } = await signUserToken(deps, context);
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
    if (isAppError(error, 'context_invalid')) await deps.guesses.count(from);
    throw error;
  }
}

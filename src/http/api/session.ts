import type { Installations } from '../../compose/installations.ts';
import { isAppError } from '../../core/errors.ts';
import { readUserContext, type UserContext } from '../../highlevel/user-context.ts';
import { signUserToken } from '../auth/access.ts';
import type { TokenDeps } from '../auth/user-tokens.ts';
import type { AuthFailureLimit } from '../middleware/auth-failure-limit.ts';
import { defineRoute } from './route.ts';
import { session, sessionRequest } from './schemas.ts';

export interface SessionRouteDeps extends TokenDeps {
  installations: Pick<Installations, 'detectReplay' | 'requireCurrentSession' | 'authorizeUserContext'>;
  sharedSecrets: readonly string[];
  authFailureLimit: AuthFailureLimit;
}

/** Defines the endpoint that gives the embedded page its token. */
export function createSessionRoutes(deps: SessionRouteDeps) {
  const { installations } = deps;
  return [
    defineRoute({
      method: 'post',
      path: '/session',
      summary: 'Exchange the user context of the parent frame for a token of 15 minutes',
      permission: 'none',
      scope: null,
      body: sessionRequest,
      response: session,
      async handle({ body, ipAddress }) {
        await deps.authFailureLimit.check('context', ipAddress);
        const context = await verifyContext(deps, body.encryptedData, ipAddress);
        const seenAt = (await installations.detectReplay(body.encryptedData, context, ipAddress)).getTime();
        await installations.requireCurrentSession({ ...context, seenAt });
        await installations.authorizeUserContext(context);
        const { token, expiresAt } = await signUserToken(deps, context, seenAt);
        const { userId, userName, email, role, type, locationId, companyId } = context;
        return { token, expiresAt, user: { userId, userName, email, role, type }, locationId, companyId };
      },
    }),
  ];
}

async function verifyContext(deps: SessionRouteDeps, encrypted: string, ipAddress: string): Promise<UserContext> {
  try {
    return readUserContext(encrypted, deps.sharedSecrets);
  } catch (error) {
    if (isAppError(error, 'context_invalid')) await deps.authFailureLimit.recordFailure('context', ipAddress);
    throw error;
  }
}

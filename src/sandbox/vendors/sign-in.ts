import express, { Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { createSignInState, createToken, revokeCode, type SimClient } from './sign-in/state.ts';
import { codeTtlMs, respondToTokenRequest, type ServiceRules, type TokenReply } from './sign-in/token-endpoint.ts';

/** A fault of the next token requests, until another is set. `lost` has handled the request. */
export type SignInFault = { status: number } | 'hang' | 'lost';

/** What a person does on the page of a service. */
export interface SignInDecision {
  readonly account: string;
  /** Scopes that the person leaves out. */
  readonly without?: readonly string[];
}

const services: Readonly<Record<'google' | 'microsoft', ServiceRules & { authorizePath: string; tokenPath: string }>> = {
  google: {
    ...{ name: 'google', rotates: false, authorizePath: '/o/oauth2/v2/auth', tokenPath: '/token' },
    isUnnamedScope: () => false,
    toIdClaims: (email) => ({ iss: 'https://accounts.google.com', sub: `google-${email}`, email, email_verified: true }),
  },
  microsoft: {
    ...{ name: 'microsoft', rotates: true },
    ...{ authorizePath: '/:tenant/oauth2/v2.0/authorize', tokenPath: '/:tenant/oauth2/v2.0/token' },
    isUnnamedScope: (scope) => ['openid', 'email', 'profile', 'offline_access'].includes(scope),
    toIdClaims: (account) => ({ iss: 'https://login.microsoftonline.com/simulated/v2.0', preferred_username: account }),
  },
};

/**
 * Creates the simulated sign-in of Google or Microsoft: authorization and token endpoint as strict as RFC 6749, RFC 7636 and the service. Its page
 * asks for the account and has a box for each permission.
 */
export function createSignInService(
  provider: 'google' | 'microsoft',
  options: { clock: Clock; random: RandomSource; clients: SimClient[] },
) {
  const { clock, random } = options;
  const rules = services[provider];
  const state = createSignInState(options.clients);
  const requests: { form: URLSearchParams; reply: TokenReply }[] = [];
  let fault: SignInFault | null = null;
  let isSingleUse = false;
  const router = Router({ caseSensitive: true });

  /** Checks an authorization request. @returns the message of a page where a redirect would not be safe, or the error to redirect with */
  function findMistake(query: URLSearchParams): { page: string } | { error: string } | null {
    const client = state.clients.find(({ clientId }) => clientId === query.get('client_id'));
    if (!client) return { page: 'Error 401: invalid_client' };
    if (!client.redirectUris.includes(query.get('redirect_uri') ?? '')) return { page: 'Error 400: redirect_uri_mismatch' };
    const names = [...query.keys()];
    if (new Set(names).size !== names.length) return { error: 'invalid_request' };
    if (query.get('response_type') !== 'code') return { error: 'unsupported_response_type' };
    const isChallenged = query.get('code_challenge_method') === 'S256' && /^[\w-]{43}$/.test(query.get('code_challenge') ?? '');
    if (!isChallenged || !query.get('state')) return { error: 'invalid_request' };
    return query.get('scope') ? null : { error: 'invalid_scope' };
  }

  function decide(query: URLSearchParams, decision: SignInDecision | null): string {
    const target = new URL(query.get('redirect_uri') ?? '');
    target.searchParams.set('state', query.get('state') ?? '');
    if (!decision) {
      target.searchParams.set('error', 'access_denied');
      return target.href;
    }
    const { account, without = [] } = decision;
    const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => !without.includes(scope));
    const consent = `${query.get('client_id')} ${account}`;
    // Google: a refresh token only for offline access, and only with a consent that is new or asked for again.
    const isNew = !state.consents.has(consent) || query.get('prompt') === 'consent';
    const isOffline =
      provider === 'google' ? query.get('access_type') === 'offline' && isNew : scopes.includes('offline_access');
    state.consents.add(consent);
    const code = createToken(random, '4/code');
    state.codes.set(code, {
      ...{ account, scopes, isOffline, isUsed: false, expiresAt: clock.now() + codeTtlMs },
      clientId: query.get('client_id') ?? '',
      redirectUri: query.get('redirect_uri') ?? '',
      challenge: query.get('code_challenge') ?? '',
    });
    target.searchParams.set('code', code);
    return target.href;
  }

  const toQuery = (url: string) => new URLSearchParams(url.split('?')[1] ?? '');

  router.get(rules.authorizePath, (request, response) => {
    const query = toQuery(request.originalUrl);
    const mistake = findMistake(query);
    response.set('cache-control', 'no-store');
    if (mistake && 'page' in mistake) return void response.status(400).type('text').send(mistake.page);
    if (mistake) {
      const target = new URL(query.get('redirect_uri') ?? '');
      for (const [name, value] of Object.entries({ ...mistake, state: query.get('state') ?? '' }))
        target.searchParams.set(name, value);
      return response.redirect(target.href);
    }
    response.render('sandbox/sign-in', {
      service: provider === 'google' ? 'Google' : 'Microsoft',
      account: query.get('login_hint') ?? '',
      scopes: (query.get('scope') ?? '').split(' '),
      action: request.originalUrl,
    });
  });

  router.post(rules.authorizePath, express.urlencoded({ extended: false }), (request, response) => {
    const query = toQuery(request.originalUrl);
    const mistake = findMistake(query);
    if (mistake) return void response.status(400).type('text').send('Error 400: invalid_request');
    const { account = '', decision, scope = [] } = (request.body ?? {}) as Record<string, string | string[] | undefined>;
    const kept = [scope].flat();
    const without = (query.get('scope') ?? '').split(' ').filter((one) => !kept.includes(one));
    response.redirect(303, decide(query, decision === 'allow' ? { account: String(account), without } : null));
  });

  router.post(rules.tokenPath, express.text({ type: 'application/x-www-form-urlencoded' }), (request, response) => {
    if (fault === 'hang') return;
    if (typeof fault === 'object' && fault)
      return void response.status(fault.status).type('html').send('<p>Service unavailable</p>');
    const form = new URLSearchParams(typeof request.body === 'string' ? request.body : '');
    const reply = respondToTokenRequest({ clock, random, rules, state, isSingleUse: () => isSingleUse }, form);
    requests.push({ form, reply });
    if (fault === 'lost') return void request.socket.destroy();
    response.status(reply.status).set({ 'cache-control': 'no-store', pragma: 'no-cache' }).json(reply.body);
  });

  return {
    router,
    state,
    /** Token requests that were handled, with their responses. */
    requests,
    setFault(next: SignInFault | null) {
      fault = next;
    },
    /** Makes a refresh token work once; its repeat ends the authorization. */
    makeSingleUse() {
      isSingleUse = true;
    },
    /** Decides an authorization request. @param decision null to refuse @returns the address that the browser is led to */
    decide(authorizeUrl: string, decision: SignInDecision | null): string {
      const mistake = findMistake(toQuery(authorizeUrl));
      if (mistake) throw new Error(Object.values(mistake)[0]);
      return decide(toQuery(authorizeUrl), decision);
    },
    /** Ends all tokens of an account, as its owner does in the security settings. */
    revoke(account: string) {
      for (const [code, authorization] of state.codes) if (authorization.account === account) revokeCode(state, code);
    },
    /** Finds the account that an access token is for. */
    findAccount(accessToken: string): string | null {
      const token = state.accessTokens.get(accessToken);
      return token && token.expiresAt > clock.now() ? token.account : null;
    },
  };
}

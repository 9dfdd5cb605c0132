import { findKeysRefusal, requestTokenByCode } from '../highlevel/oauth.ts';
import { minimalScopes } from '../highlevel/operations.ts';
import { type Check, toCheck } from './check.ts';
import type { Environment } from './environment.ts';

/** Form of the ids that HighLevel gives to conversation providers. */
const providerIdForm = /^[0-9a-f]{24}$/;
/** No install has it. HighLevel refuses the code, or, before that, the keys. */
const impossibleCode = 'patchbay-check-of-the-keys';

/**
 * Checks the app's keys by a request for a token that can't succeed and uses up nothing. That HighLevel checks the keys before the code is not
 * documented: a response that does not name them counts as no refusal.
 */
export async function checkKeys({ app, highLevelHttp }: Environment): Promise<Check[]> {
  const name = 'keys';
  if (!highLevelHttp) return [toCheck(name, 'ok', 'keys_simulated')];
  try {
    const response = await requestTokenByCode(highLevelHttp, app, impossibleCode);
    const refusal = findKeysRefusal(response);
    if (refusal !== null) return [toCheck(name, 'failed', 'keys_refused', { message: refusal }, 'set_keys')];
    const { status } = response;
    if (status >= 500 || status === 429) {
      return [toCheck(name, 'warning', 'keys_unknown', { status: String(status) }, 'check_again')];
    }
    return [toCheck(name, 'ok', 'keys_accepted')];
  } catch (error) {
    return [toCheck(name, 'failed', 'highlevel_unreachable', { message: (error as Error).message }, 'highlevel_reach')];
  }
}

/** Checks the settings of the app in the developer portal: providers, scopes, the shared secret and the keys of webhooks. */
export async function checkAppSettings(environment: Environment): Promise<Check[]> {
  const { app, providers, sharedSecrets, webhookKeyCount, hasPublishedKey } = environment;
  // They are those of the simulated HighLevel, of which only the program knows.
  if (!environment.highLevelHttp) return [];
  const list = (some: typeof providers) => some.map(({ key, id }) => `${key} (${id})`).join(', ');
  const malformed = providers.filter(({ id }) => !providerIdForm.test(id));
  const missing = minimalScopes.filter((scope) => !app.scopes.includes(scope));
  const keys = { count: String(webhookKeyCount) };
  return [
    providers.length === 0
      ? toCheck('providers', 'failed', 'providers_none', {}, 'set_providers')
      : toCheck('providers', 'ok', 'providers_set', { providers: list(providers) }),
    ...(malformed.length > 0
      ? [toCheck('providers:ids', 'warning', 'providers_malformed', { providers: list(malformed) }, 'set_providers')]
      : []),
    missing.length > 0
      ? toCheck('scopes', 'failed', 'scopes_missing', { scopes: missing.join(', ') }, 'set_scopes')
      : toCheck('scopes', 'ok', 'scopes_set', { count: String(app.scopes.length) }),
    sharedSecrets.length > 0
      ? toCheck('shared_secret', 'ok', 'secrets_set')
      : toCheck('shared_secret', 'failed', 'secrets_none', {}, 'set_shared_secret'),
    hasPublishedKey === false
      ? toCheck('webhook_keys', 'warning', 'webhook_keys_other', keys, 'published_key')
      : toCheck('webhook_keys', 'ok', 'webhook_keys_set', keys),
  ];
}

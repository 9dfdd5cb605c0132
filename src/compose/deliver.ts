import type { ConnectionLoader, FindConnectionDeps } from '../connections/find.ts';
import type { HighLevel } from '../highlevel/client.ts';
import type { AccessTokens } from '../installations/access-token.ts';
import { type DeliverDeps, deliver } from '../messages/outbound/deliver.ts';
import { lookUpContact } from '../messages/outbound/look-up-contact.ts';
import { type RouteDeps, resolveRoute } from '../messages/outbound/resolve-route.ts';
import { checkSendLimits, refundDailyCap, type SendLimitDeps } from '../messages/outbound/send-limits.ts';
import type { Job } from '../queue/job.ts';
import { type FetchFile, fetchAttachment } from '../runtime/fetch-file.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';

type Ingredients = FindConnectionDeps &
  SendLimitDeps &
  Pick<RouteDeps, 'providers' | 'readAddress'> &
  Pick<DeliverDeps, 'jitter' | 'loadMessage' | 'startAttempt' | 'settle' | 'recordSend'> & {
    highLevel: HighLevel;
    tokens: Pick<AccessTokens, 'requireValidToken'>;
    connectionOf: ConnectionLoader;
    /** For addresses from users: guarded. */
    targetHttp: HttpClient;
    fetchFile: FetchFile;
  };

/** Binds `deliver` to its dependencies. */
export function composeDeliver(ingredients: Ingredients): (job: Job) => Promise<void> {
  const { clock, connectionOf, fetchFile, targetHttp, tokens } = ingredients;
  const routeDeps: RouteDeps = {
    ...ingredients,
    async loadConnection(ref) {
      const row = await connectionOf(ref);
      return row && ingredients.decryptConnection(row);
    },
    lookUpContact: (locationId, contactId) => lookUpContact(ingredients, locationId, contactId),
  };
  const deps: DeliverDeps = {
    ...ingredients,
    resolveRoute: (message) => resolveRoute(routeDeps, message),
    requireValidToken: (locationId) => tokens.requireValidToken(locationId),
    checkSendLimits: (connection) => checkSendLimits(ingredients, connection),
    refundDailyCap: (connection, countedAtMs) => refundDailyCap(ingredients, connection, countedAtMs),
    channelContext: (signal) => ({
      http: targetHttp,
      fetchAttachment: (url) => fetchAttachment(fetchFile, url, signal),
      clock,
      signal,
    }),
  };
  return (job) => deliver(deps, job);
}

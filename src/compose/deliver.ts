import type { FindConnectionDeps } from '../connections/find.ts';
import type { AccessTokens } from '../installations/access-token.ts';
import { findContactByAddress } from '../messages/inbound/contact-addresses.ts';
import { findUnconfirmedAttempt, mayHaveArrived } from '../messages/outbound/attempts.ts';
import { type DeliverDeps, deliver } from '../messages/outbound/deliver.ts';
import { isIdOfAnother, listAcceptedParts } from '../messages/outbound/external-ids.ts';
import { findEmailThread } from '../messages/outbound/find-email-thread.ts';
import { type RouteDeps, resolveRoute } from '../messages/outbound/resolve-route.ts';
import {
  checkSendLimits,
  checkSendTimes,
  pauseConnection,
  refundDailyCap,
  type SendLimitDeps,
} from '../messages/outbound/send-limits.ts';
import { listSettledRecipients } from '../messages/outbound/settled-recipients.ts';
import { findAddressOfContact, findVendorAddress } from '../messages/outbound/vendor-addresses.ts';
import { type ChooseDeps, chooseConnection } from '../messages/routing/choose-connection.ts';
import type { Job } from '../queue/job.ts';
import { bindAll } from './bind.ts';

type Ingredients = FindConnectionDeps &
  SendLimitDeps &
  Pick<RouteDeps, 'providers' | 'readAddress' | 'findOptOut' | 'findContactLink' | 'lookUpContact' | 'searchContact'> &
  Pick<
    DeliverDeps,
    | 'jitter'
    | 'loadMessage'
    | 'startAttempt'
    | 'settle'
    | 'recordSend'
    | 'confirmTimeoutMs'
    | 'createChannelContext'
    | 'holdConnection'
    | 'chargeSend'
    | 'recordOptOut'
    | 'sendThroughSession'
  > & {
    tokens: Pick<AccessTokens, 'requireValidToken'>;
  } & Omit<ChooseDeps, 'client' | 'mayHaveArrived'>;

/** Binds `deliver` to its dependencies. */
export function composeDeliver(ingredients: Ingredients): (job: Job) => Promise<void> {
  const { tokens } = ingredients;
  const { client } = ingredients.db;
  const choice: ChooseDeps = {
    ...ingredients,
    client,
    mayHaveArrived: (message) => mayHaveArrived(client, message),
  };
  const routeDeps: RouteDeps = {
    ...ingredients,
    ...bindAll(client, {
      ...{ findVendorAddress, findAddressOfContact },
      ...{ listAcceptedParts, listSettledRecipients, findEmailThread },
    }),
    ...bindAll(ingredients.db, { findContactByAddress }),
    chooseConnection: (message, groupKey) => chooseConnection(choice, message, groupKey),
  };
  const deps: DeliverDeps = {
    ...ingredients,
    ...bindAll(client, { findUnconfirmedAttempt, isIdOfAnother }),
    resolveRoute: (message, groupKey) => resolveRoute(routeDeps, message, groupKey),
    requireValidToken: (locationId) => tokens.requireValidToken(locationId),
    checkSendLimits: (route) => checkSendLimits(ingredients, route),
    checkSendTimes: (route) => checkSendTimes(ingredients, route),
    pauseConnection: (connection, until) => pauseConnection(ingredients, connection, until),
    refundDailyCap: (route, countedAtMs) => refundDailyCap(ingredients, route, countedAtMs),
  };
  return (job) => deliver(deps, job);
}

import type { HighLevel } from '../highlevel/client.ts';
import { type AppKeys, parseAppId } from '../highlevel/oauth.ts';
import { hasFunds } from '../highlevel/wallet.ts';
import { createChargedClient } from '../installations/charged-client.ts';
import { type ChargeDeps, chargeSend, type WalletBilling } from '../messages/billing/charge-send.ts';
import { refundFailedMessages } from '../messages/billing/refund-failed.ts';
import { mayBeEcho } from '../messages/outbound/attempts.ts';
import { createTimedCache } from '../runtime/timed-cache.ts';
import { bindAll } from './bind.ts';
import type { Runtime } from './runtime.ts';

interface BillingParts extends Pick<Runtime, 'db' | 'clock' | 'log' | 'jitter'> {
  highLevel: HighLevel;
  app: AppKeys;
  walletMeterId: string | undefined;
  installationOf: ChargeDeps['installationOf'];
}

/** A wallet is asked for funds once a minute: a charge that finds none is refused anyway. */
const fundsTtlMs = 60 * 1000;

/** Composes the charges of messages to wallets. */
export function composeBilling(parts: BillingParts) {
  const { clock, app, walletMeterId } = parts;
  const appId = parseAppId(app);
  const billing: WalletBilling | null = walletMeterId && appId ? { meterId: walletMeterId, appId } : null;
  const highLevel = createChargedClient(parts, 0);
  const cached = createTimedCache<boolean>(clock, fundsTtlMs);
  const deps = {
    ...{ ...parts, highLevel, billing },
    hasFunds: (locationId: string) => cached(locationId, () => hasFunds(highLevel, locationId)),
    ...bindAll(parts.db.client, { mayBeEcho }),
  };
  return { billing: deps, ...bindAll(deps, { chargeSend, refundFailedMessages }) };
}

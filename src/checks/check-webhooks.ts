import type { WebhookActivity as WebhookSighting } from '../database/client.ts';
import { type Check, type Fix, toCheck } from './check.ts';

/** Checks the last webhooks of one address. */
export function checkWebhooks(
  { appUrl }: { appUrl: string },
  address: string,
  observations: ReadonlyMap<string, WebhookSighting>,
  setupFix: Fix,
  signatureFix: Fix,
): Check {
  const name = `webhooks:${address}`;
  const url = address.startsWith('channels/') ? `${appUrl}/${address}` : `${appUrl}/webhooks/${address}`;
  const observation = observations.get(address);
  if (!observation) return toCheck(name, 'warning', 'webhook_never', { address: url }, setupFix);
  const { lastValidAt, lastInvalidAt, lastMisplacedAt, misplacedContent } = observation;
  if (lastInvalidAt && (!lastValidAt || lastInvalidAt > lastValidAt)) {
    return toCheck(name, 'failed', 'webhook_invalid', { at: lastInvalidAt.toISOString(), address: url }, signatureFix);
  }
  if (lastMisplacedAt && lastValidAt && lastMisplacedAt >= lastValidAt) {
    const values = { at: lastMisplacedAt.toISOString(), what: misplacedContent ?? '', address: url };
    return toCheck(name, 'failed', 'webhook_misplaced', values, 'mixed_up');
  }
  return toCheck(name, 'ok', 'webhook_seen', { at: lastValidAt?.toISOString() ?? '', address: url });
}

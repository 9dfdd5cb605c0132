import { type HttpClient, toRequestFailure } from '../../runtime/outbound-http.ts';
import { createSignatureHeaders } from '../../runtime/standard-webhooks.ts';
import type { Notifier } from '../send-notifications.ts';

/** The operator's webhook: its URL is a setting, so private targets are allowed. */
export interface AlertWebhook {
  readonly url: string;
  /** `whsec_…`, in the format of Standard Webhooks. */
  readonly secret: string;
}

/** Creates a notifier that posts each alert as a Standard Webhook. The id is the same in each attempt, so the receiver can drop repeats. */
export function createWebhookNotifier(http: HttpClient, { url, secret }: AlertWebhook): Notifier {
  return {
    maxBatchSize: 1,
    async notify([notification], now) {
      if (!notification) return;
      const { event, alert, name, requestedAt } = notification;
      const body = JSON.stringify({
        type: `alert.${event}`,
        timestamp: requestedAt,
        data: {
          alertId: alert.id,
          kind: alert.kind,
          locationId: alert.locationId,
          companyId: alert.companyId,
          name,
          subject: alert.subject,
          details: alert.details,
          startedAt: alert.startedAt,
          endedAt: alert.endedAt,
        },
      });
      const headers = createSignatureHeaders([secret], `${alert.id}-${event}`, now, body);
      const { status } = await http
        .post(url, body, { headers: { 'content-type': 'application/json', ...headers } })
        .catch((error: unknown) => {
          // The error holds the URL, which may contain a secret.
          throw new Error(`The request to ALERT_WEBHOOK_URL failed: ${toRequestFailure(error).message}.`);
        });
      if (status < 200 || status > 299) throw new Error(`ALERT_WEBHOOK_URL responded ${status}.`);
    },
  };
}

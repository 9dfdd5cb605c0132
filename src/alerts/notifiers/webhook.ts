import { type HttpClient, toRequestFailure } from '../../runtime/outbound-http.ts';
import { createSignatureHeaders } from '../../runtime/standard-webhooks.ts';
import type { Notifier } from '../send-notifications.ts';

/** The operator's own address: a setting, so no guard. */
export interface AlertWebhook {
  readonly url: string;
  /** `whsec_…`, as Standard Webhooks has it. */
  readonly secret: string;
}

/** Posts each alert as a Standard Webhook. The id is the same on every try, so that a repeat can be dropped. */
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
          // The error itself carries the address, which may be a secret.
          throw new Error(`The address of ALERT_WEBHOOK_URL could not be asked: ${toRequestFailure(error).message}.`);
        });
      if (status < 200 || status > 299) throw new Error(`The address of ALERT_WEBHOOK_URL answered ${status}.`);
    },
  };
}

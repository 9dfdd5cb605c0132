import { evaluateAlerts } from '../alerts/evaluate.ts';
import type { NotifierName } from '../alerts/notifications.ts';
import { createEmailNotifier } from '../alerts/notifiers/email.ts';
import { createWebhookNotifier } from '../alerts/notifiers/webhook.ts';
import { type AuthFailureKind, authFailureKinds, createAuthFailureRecorder } from '../alerts/rules/auth-failures.ts';
import { createSignatureFailureCounter } from '../alerts/rules/signatures-invalid.ts';
import { type Notifier, sendDueNotifications } from '../alerts/send-notifications.ts';
import { createMailer } from '../runtime/mail.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';
import { bindAll } from './bind.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Alert rules, notifications, and the failures that alerts are raised from. */
export type Alerts = ReturnType<typeof composeAlerts>;

const notifierTimeoutMs = 5_000;

/** Composes the alert rules with the operator's notifiers. */
export function composeAlerts(
  runtime: Pick<Runtime, 'db' | 'clock' | 'newId' | 'log' | 'jitter' | 'metrics'>,
  options: Pick<CapabilityOptions, 'alertLimits' | 'alertWebhook' | 'alertMail' | 'appUrl'>,
) {
  const signatureFailures = createSignatureFailureCounter(runtime);
  const authFailures = createAuthFailureRecorder(runtime);
  // As the counters of webhooks do, these begin at 0.
  for (const kind of authFailureKinds) runtime.metrics.authFailures.inc({ kind }, 0);
  const ingredients = { ...runtime, alertThresholds: options.alertLimits, notifiers: createNotifiers(options) };
  return {
    ...bindAll(ingredients, { evaluateAlerts, sendDueNotifications }),
    recordInvalidSignature: () => signatureFailures.record(),
    recordAuthFailure(kind: AuthFailureKind, network: string) {
      runtime.metrics.authFailures.inc({ kind });
      authFailures.record(kind, network);
    },
    close: () => Promise.all([signatureFailures.stop(), authFailures.stop()]),
  };
}

function createNotifiers({
  alertWebhook,
  alertMail,
  appUrl,
}: Pick<CapabilityOptions, 'alertWebhook' | 'alertMail' | 'appUrl'>): ReadonlyMap<NotifierName, Notifier> {
  const notifiers = new Map<NotifierName, Notifier>();
  // The operator sets the webhook's address, not a user: no guard.
  const http = createHttpClient({ timeoutMs: notifierTimeoutMs, allowPrivateTargets: true });
  if (alertWebhook) notifiers.set('webhook', createWebhookNotifier(http, alertWebhook));
  if (alertMail) notifiers.set('email', createEmailNotifier(createMailer(alertMail), appUrl));
  return notifiers;
}

import { formatCount } from '../../core/format-count.ts';
import { toSingleLine } from '../../core/sanitize.ts';
import type { SendMail } from '../../runtime/mail.ts';
import { alertTitles } from '../alert.ts';
import type { AlertNotification } from '../notifications.ts';
import type { Notifier } from '../send-notifications.ts';

/** Creates a notifier that mails due notifications in one message: an agency's failed token may trigger a thousand alerts. */
export function createEmailNotifier(sendMail: SendMail, appUrl: string): Notifier {
  return {
    maxBatchSize: 200,
    async notify(notifications) {
      await sendMail({
        subject: formatSubject(notifications),
        text: formatText(notifications, appUrl),
        id: `${toMailId(notifications)}@patchbay`,
      });
    },
  };
}

function formatSubject(notifications: readonly AlertNotification[]): string {
  const [first] = notifications;
  if (first && notifications.length === 1) return `Patchbay: ${formatHeadline(first)}`;
  return `Patchbay: ${formatCount(notifications.length, 'alert')}`;
}

function formatHeadline({ event, alert, name }: AlertNotification): string {
  const owner = name ?? alert.locationId ?? alert.companyId;
  const summary = `${alertTitles[alert.kind]}${owner ? `: ${toSingleLine(owner, 100)}` : ''}`;
  return event === 'triggered' ? summary : `Resolved: ${summary}`;
}

function formatText(notifications: readonly AlertNotification[], appUrl: string): string {
  const blocks = notifications.map(({ event, alert, ...rest }) =>
    [
      formatHeadline({ event, alert, ...rest }),
      toSingleLine(alert.details, 1_000),
      `Since ${alert.startedAt.toISOString()}${event === 'resolved' && alert.endedAt ? `, resolved at ${alert.endedAt.toISOString()}` : ''}.`,
    ].join('\n'),
  );
  return [...blocks, appUrl].join('\n\n');
}

/** Returns the same id for the same notifications, so that a repeated mail can be recognized. */
function toMailId(notifications: readonly AlertNotification[]): string {
  const [first] = notifications;
  return first ? `${first.alert.id}-${first.event}-${notifications.length}` : 'none';
}

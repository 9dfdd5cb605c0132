import { toSingleLine } from '../core/sanitize.ts';
import type { SendMail } from '../runtime/mail.ts';
import { alertTitles } from './alert.ts';
import type { TellingWay } from './tell.ts';
import type { Telling } from './tellings.ts';

/** Mails what is due together in one message: when an agency's token fails, nobody wants a thousand. */
export function byEmail(sendMail: SendMail, appUrl: string): TellingWay {
  return {
    atOnce: 200,
    async tell(tellings) {
      await sendMail({ subject: subjectOf(tellings), text: textOf(tellings, appUrl), id: `${idOf(tellings)}@patchbay` });
    },
  };
}

function subjectOf(tellings: readonly Telling[]): string {
  const [first] = tellings;
  if (first && tellings.length === 1) return `Patchbay: ${headline(first)}`;
  return `Patchbay: ${tellings.length} alerts`;
}

function headline({ event, alert, name }: Telling): string {
  const place = name ?? alert.locationId ?? alert.companyId;
  const words = `${alertTitles[alert.kind]}${place ? `: ${toSingleLine(place, 100)}` : ''}`;
  return event === 'raised' ? words : `over: ${words}`;
}

function textOf(tellings: readonly Telling[], appUrl: string): string {
  const blocks = tellings.map(({ event, alert, ...rest }) =>
    [
      headline({ event, alert, ...rest }),
      toSingleLine(alert.details, 1_000),
      `Since ${alert.begunAt.toISOString()}${event === 'recovered' && alert.endedAt ? `, over at ${alert.endedAt.toISOString()}` : ''}.`,
    ].join('\n'),
  );
  return [...blocks, appUrl].join('\n\n');
}

/** The same for the same alerts: a mail that is sent again can be told as that. */
function idOf(tellings: readonly Telling[]): string {
  const [first] = tellings;
  return first ? `${first.alert.id}-${first.event}-${tellings.length}` : 'none';
}

import type { MessageWithHistory } from './log.ts';

export interface TimelineEntry {
  at: Date;
  event: 'received' | 'attempt_begun' | 'attempt_ended' | 'receipt' | 'report';
  text: string;
  /** HighLevel's name for the call; its support asks for it. */
  traceId: string | null;
}

/** Everything that happened to a message, oldest first, in sentences. */
export function timelineOf(message: MessageWithHistory): TimelineEntry[] {
  const isOutbound = message.direction === 'outbound';
  const entry = (at: Date, event: TimelineEntry['event'], text: string, traceId: string | null = null) => ({
    at,
    event,
    text,
    traceId,
  });

  const received = isOutbound
    ? message.isTest
      ? 'Test message asked for.'
      : 'Received from the CRM.'
    : 'Received from the far side.';

  return [
    entry(message.createdAt, 'received', received),
    ...message.attempts.flatMap((attempt) => [
      entry(attempt.begunAt, 'attempt_begun', 'Sending to the far side.'),
      ...(attempt.endedAt
        ? [entry(attempt.endedAt, 'attempt_ended', `${outcomes[attempt.outcome ?? 'unknown']}${because(attempt)}`)]
        : []),
    ]),
    ...message.receipts.map((receipt) =>
      entry(receipt.receivedAt, 'receipt', `The far side says: ${receipt.state}${because(receipt)}`),
    ),
    ...message.reports.map((report) => {
      const what = isOutbound ? `“${report.state}” to the CRM` : 'into the conversation';
      const text = report.accepted
        ? `${isOutbound ? 'Reported' : 'Posted'} ${what}.`
        : `Could not ${isOutbound ? 'report' : 'post'} ${what}: ${report.answer ?? 'no answer'}`;
      return entry(report.triedAt, 'report', text, report.traceId);
    }),
  ].sort((a, b) => a.at.getTime() - b.at.getTime());
}

const outcomes = {
  accepted: 'The far side accepted it',
  delivered: 'The far side delivered it',
  refused: 'The far side refused it',
  busy: 'The far side could not take it now',
  unknown: 'It is not known whether the far side got it',
};

function because(part: { code: string | null; reason: string | null }): string {
  return part.reason ? `: ${part.reason}${part.code ? ` (${part.code})` : ''}` : '.';
}

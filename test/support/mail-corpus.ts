import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FailureClass, MailReport } from '../../src/channels/email/bounces/mail-report.ts';

export interface CorpusMail {
  readonly name: string;
  readonly bytes: Buffer;
  /** Words of its line in `expected.txt`. */
  readonly expected: readonly string[];
}

const folder = resolve(import.meta.dirname, '../fixtures/mail-corpus');
const classes: Readonly<Record<string, FailureClass>> = {
  i: 'invalid_recipient',
  f: 'mailbox_full',
  b: 'blocked',
  p: 'policy',
  c: 'content',
  n: 'network',
  o: 'other',
};

/** Loads the corpus, sorted by name, each mail with what it is known to report. */
export function loadMailCorpus(): CorpusMail[] {
  const lines = readFileSync(resolve(folder, 'expected.txt'), 'utf8').trim().split('\n');
  const expected = new Map(lines.map((line) => line.split(' ')).map(([name = '', ...words]) => [name, words]));
  return readdirSync(folder)
    .filter((file) => file.endsWith('.eml'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.eml'.length);
      return { name, bytes: readFileSync(resolve(folder, file)), expected: expected.get(name) ?? [] };
    });
}

/** Compares a report with what is known of its mail: its kind with the recipients, and its class or action. */
export function compareReport({ expected }: CorpusMail, report: MailReport): { recipient: boolean; failureClass: boolean } {
  const [kind = '', recipients] = expected;
  if (['complaint', 'auto_reply', 'message'].includes(kind)) {
    const isKind = report.kind === kind;
    const named = report.kind === 'complaint' ? report.recipients.join() : '';
    return { recipient: isKind && (recipients === undefined || named === recipients), failureClass: isKind };
  }
  if (report.kind !== 'dsn') return { recipient: false, failureClass: false };
  const rows = Array.from({ length: expected.length / 2 }, (_, row) => expected.slice(row * 2, row * 2 + 2));
  const matches = rows.map(([addresses = '', outcome = '']) => {
    const found = report.recipients.find(({ address }) => addresses.split('|').includes(address ?? ''));
    const row = found ?? (rows.length === 1 ? report.recipients[0] : undefined);
    const isAction = ['delayed', 'delivered'].includes(outcome);
    const isOutcome = isAction
      ? row?.action === outcome
      : row?.action === 'failed' && [...outcome].some((letter) => classes[letter] === row.class);
    return { isFound: found !== undefined, isOutcome };
  });
  return {
    recipient: report.recipients.length === rows.length && matches.every(({ isFound }) => isFound),
    failureClass: matches.every(({ isOutcome }) => isOutcome),
  };
}

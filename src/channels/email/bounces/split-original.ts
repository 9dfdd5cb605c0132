import { maxReport } from './mail-report.ts';
import type { ParsedMail } from './parse-mail.ts';
import { hasAnyPhrase, toWords } from './phrases.ts';

export interface ReportText {
  /** What the reporting server says. */
  readonly statement: string;
  /** Headers of the returned mail, from its own part or from below the statement; empty when it was not returned. */
  readonly original: string;
}

const returnedTypes = /^message\/(?:rfc822|global)|rfc822-header/;
const divider = [
  'original message',
  'original mail',
  'returned message',
  'returned mail',
  'unsent message',
  'undelivered message',
  'copy of the message',
  'copy of your message',
  'copy of the original',
  'message headers follow',
  'message header',
  'header of the original',
  'message follows',
  'ursprüngliche nachricht',
  'message original',
  'mensaje original',
  '元のメール',
];
/** Names of headers with which a returned mail begins. */
const firstHeaders = new Set(['received', 'return-path', 'x-received', 'dkim-signature', 'x-originating-ip', 'message-id']);
const commonHeaders = new Set([...firstHeaders, 'from', 'to', 'date', 'subject', 'mime-version', 'content-type']);
/** Most lines between a divider and the headers. */
const maxDistance = 5;
const maxDividerChars = 120;

/** Divides a report into what the server says and the mail that it returns. */
export function splitOriginal(mail: ParsedMail): ReportText {
  const parts = mail.parts.filter(({ type }) => returnedTypes.test(type)).map(({ text }) => text);
  const plain = mail.parts.filter(({ type }) => type === 'text/plain').map(({ text }) => text);
  const lines = mail.text.split(/\r\n|\r|\n/, maxReport.lines);
  const end = findOriginal(lines);
  const below = lines.slice(end).join('\n');
  const returned = parts.find((text) => text.trim() !== '') ?? plain.find((text) => startsWithHeaders(text));
  const attached = plain.filter((text) => text !== returned);
  return {
    statement: [...lines.slice(0, end), ...attached.flatMap((text) => text.split(/\r\n|\r|\n/, maxReport.lines))].join('\n'),
    original: returned ?? below,
  };
}

/** Returns the line at which the returned mail begins; the count of lines when there is none. */
function findOriginal(lines: readonly string[]): number {
  for (const [index, line] of lines.entries()) {
    if (firstHeaders.has(toHeaderName(line)) && index > 0 && countHeaders(lines, index) >= 2) return index;
    const isDivider = line.length <= maxDividerChars && hasAnyPhrase(toWords(line), divider);
    if (isDivider && lines.slice(index + 1, index + 1 + maxDistance).some((next) => commonHeaders.has(toHeaderName(next))))
      return index + 1;
  }
  return lines.length;
}

function startsWithHeaders(text: string): boolean {
  const lines = text.trimStart().split(/\r\n|\r|\n/, 10);
  return countHeaders(lines, 0) >= 2;
}

function countHeaders(lines: readonly string[], from: number): number {
  return lines.slice(from, from + 10).filter((line) => commonHeaders.has(toHeaderName(line))).length;
}

/** An indented line is part of the statement: servers quote a few headers so. */
function toHeaderName(line: string): string {
  const colon = line.indexOf(':');
  return colon > 0 && colon < 40 ? line.slice(0, colon).toLowerCase() : '';
}

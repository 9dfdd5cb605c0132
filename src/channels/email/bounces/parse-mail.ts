import PostalMime from 'postal-mime';
import { normalizeAddress } from '../../../core/address.ts';
import { cutLines } from '../line-limit.ts';
import { maxReport } from './mail-report.ts';

export interface MailPart {
  readonly type: string;
  readonly text: string;
}

/** A mail as the readers of reports need it: headers, the text for people, and the parts for machines. */
export interface ParsedMail {
  /** Unfolded values by name in small letters. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly subject: string;
  /** Type of the whole mail with its parameters, in small letters. */
  readonly contentType: string;
  readonly from: string | null;
  readonly fromName: string;
  readonly text: string;
  readonly parts: readonly MailPart[];
}

const lineFeed = 10;
const carriageReturn = 13;
const readableTypes = /^(?:text|message)\/|^application\/json$/;

/** Parses the beginning of a mail. Never throws: bytes that are no mail yield one without headers. */
export async function parseMail(bytes: Uint8Array): Promise<ParsedMail> {
  const input = prepareBytes(bytes);
  try {
    const mail = await PostalMime.parse(input, {
      forceRfc822Attachments: true,
      maxNestingDepth: 32,
      maxRfc822NestingDepth: 1,
      maxHeadersSize: maxReport.bytes,
    });
    const headers = groupHeaders(mail.headers);
    const text = mail.text || stripTags(mail.html ?? '');
    // A boundary that does not match its parts hides them all.
    const isLost = text.trim() === '' && mail.attachments.length === 0;
    return {
      headers,
      subject: (mail.subject ?? '').slice(0, maxReport.headerChars),
      contentType: (headers.get('content-type')?.[0] ?? '').toLowerCase(),
      from: mail.from?.address ? toAddress(mail.from.address) : null,
      fromName: mail.from?.name ?? '',
      text: (isLost ? findBody(decodeText(input)) : text).slice(0, maxReport.textChars),
      parts: mail.attachments
        .filter(({ mimeType }) => readableTypes.test(mimeType))
        .slice(0, maxReport.parts)
        // A type whose parameter lacks its semicolon comes with it.
        .map(({ mimeType, content }) => ({ type: mimeType.split(/[\s;]/, 1)[0] ?? '', text: decodeText(content) })),
    };
  } catch {
    // postal-mime rejects what exceeds its limits.
    return parseHeaderBlock(decodeText(input));
  }
}

/** Returns the address in small letters; null for text that is no email address. */
export function toAddress(text: string): string | null {
  const { address, kind } = normalizeAddress(text.slice(0, maxReport.headerChars));
  return kind === 'email' ? address : null;
}

/** Parses header lines, with folded ones joined, up to the first empty line. */
export function parseHeaderLines(text: string): { key: string; value: string }[] {
  const headers: { key: string; value: string }[] = [];
  for (const line of text.split(/\r?\n/, maxReport.headers * 4)) {
    if (line.trim() === '') break;
    const last = headers.at(-1);
    const colon = line.indexOf(':');
    if (/^[ \t]/.test(line)) {
      if (last && last.value.length < maxReport.headerChars) last.value += ` ${line.trim()}`;
    } else if (colon > 0) {
      headers.push({ key: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() });
    }
  }
  return headers;
}

/** Cuts the input, drops empty lines and an mbox separator before the headers, and makes line ends of bare carriage returns readable. */
function prepareBytes(bytes: Uint8Array): Uint8Array {
  let input = bytes.subarray(0, maxReport.bytes);
  if (!input.includes(lineFeed)) input = input.map((byte) => (byte === carriageReturn ? lineFeed : byte));
  input = input.subarray(findFirstLine(input));
  const isMbox = decodeText(input.subarray(0, 5)) === 'From ';
  const start = isMbox ? input.indexOf(lineFeed) + 1 : 0;
  return cutLines(input.subarray(start), maxReport.mailLines);
}

/** Returns where the first line that is not empty begins. */
function findFirstLine(bytes: Uint8Array): number {
  let start = 0;
  let at = 0;
  for (; at < bytes.length && [0x20, 0x09, carriageReturn, lineFeed].includes(bytes[at] ?? 0); at++) {
    if (bytes[at] === lineFeed) start = at + 1;
  }
  return start;
}

function groupHeaders(list: readonly { key: string; value: string }[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const { key, value } of list.slice(0, maxReport.headers)) {
    const values = headers.get(key);
    const text = value.slice(0, maxReport.headerChars);
    if (values) values.push(text);
    else headers.set(key, [text]);
  }
  return headers;
}

function parseHeaderBlock(text: string): ParsedMail {
  const headers = groupHeaders(parseHeaderLines(text));
  return {
    headers,
    subject: headers.get('subject')?.[0] ?? '',
    contentType: (headers.get('content-type')?.[0] ?? '').toLowerCase(),
    from: toAddress(headers.get('from')?.[0] ?? ''),
    fromName: '',
    text: findBody(text),
    parts: [],
  };
}

/** Returns what follows the first empty line. */
function findBody(text: string): string {
  const start = text.search(/\r?\n\r?\n/);
  return start < 0 ? '' : text.slice(start);
}

function decodeText(content: ArrayBuffer | Uint8Array | string): string {
  if (typeof content === 'string') return content.slice(0, maxReport.textChars);
  const bytes = content instanceof Uint8Array ? content : new Uint8Array(content);
  return new TextDecoder().decode(bytes.subarray(0, maxReport.textChars));
}

/** Makes text of HTML, a line for each tag: the readers look for what stands on a line of its own. */
function stripTags(html: string): string {
  return html
    .slice(0, maxReport.textChars)
    .split('<')
    .map((piece) => piece.slice(piece.indexOf('>') + 1))
    .join('\n');
}

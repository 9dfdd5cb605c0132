import { parseFieldGroups } from './delivery-fields.ts';
import { listAddresses } from './find-failed-addresses.ts';
import { type MailReport, maxReport, type ReportIds } from './mail-report.ts';
import { type ParsedMail, parseHeaderLines } from './parse-mail.ts';
import { getHeader } from './sender-kind.ts';
import type { ReportText } from './split-original.ts';

/** Place where an id was found. */
export type IdSource = 'bounce_address' | 'envelope_id' | 'original_message_id' | 'reference';

export interface OwnId {
  readonly id: string;
  readonly source: IdSource;
}

const addressHeaders = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to', 'x-forwarded-to', 'to'];
const messageIdFields = ['original-message-id', 'x-original-message-id'];
const messageIdHeaders = new Set(['message-id', 'x-google-original-message-id', 'x-original-message-id']);

/** Collects the ids by which a report may be matched with a mail of ours. */
export function collectIds(mail: ParsedMail, { statement, original }: ReportText, more: readonly string[]): ReportIds {
  const groups = mail.parts
    .filter(({ type }) => /^message\/(?!rfc822)/.test(type))
    .flatMap(({ text }) => parseFieldGroups(text));
  const find = (name: string) => groups.find((group) => group.has(name))?.get(name) ?? '';
  const returned = parseHeaderLines(original.trimStart());
  const deliveredTo = addressHeaders.flatMap((name) => (mail.headers.get(name) ?? []).flatMap(listAddresses));
  const token = deliveredTo.map(toToken).find((text) => text !== null);
  const envelopeId = find('original-envelope-id').trim();
  const reported = messageIdFields.flatMap((name) => listIds(find(name)));
  const inReturned = returned.filter(({ key }) => messageIdHeaders.has(key)).flatMap(({ value }) => listIds(value, true));
  const [originalMessageId, ...others] = [...reported, ...inReturned];
  const references = [
    ...others,
    ...more,
    ...listReferences(returned.filter(({ key }) => key === 'references').map(({ value }) => value)),
    ...returned.filter(({ key }) => key === 'in-reply-to').flatMap(({ value }) => listIds(value, true)),
    ...listIds(getHeader(mail, 'in-reply-to'), true),
    ...listReferences([getHeader(mail, 'references')]),
    ...listIds(statement),
    ...listIds(original),
  ];
  return {
    deliveredTo: limitIds(deliveredTo),
    ...(token ? { token } : {}),
    ...(envelopeId ? { originalEnvelopeId: envelopeId } : {}),
    ...(originalMessageId ? { originalMessageId } : {}),
    references: limitIds(references).filter((id) => id !== originalMessageId),
  };
}

/**
 * Finds the first id of a report that is ours, the surest source first. A report without one is not credible, from any sender: the
 * caller logs it and changes no message.
 *
 * @param isOurs whether an id names a mail of ours. It must check a part that can't be made up (an HMAC, or a random stored token): for
 *   `bounce_address` it gets the whole address
 */
export function findOwnId(report: MailReport, isOurs: (id: string, source: IdSource) => boolean): OwnId | null {
  return listReportIds(report).find(({ id, source }) => isOurs(id, source)) ?? null;
}

/** Lists the ids of a report, the surest source first, for a caller that looks them up in one query. */
export function listReportIds({ ids }: MailReport): OwnId[] {
  const toRows = (source: IdSource, list: readonly (string | undefined)[]) =>
    list.filter((id) => id !== undefined).map((id) => ({ id, source }));
  return [
    ...toRows('bounce_address', ids.deliveredTo),
    ...toRows('envelope_id', [ids.originalEnvelopeId]),
    ...toRows('original_message_id', [ids.originalMessageId]),
    ...toRows('reference', ids.references),
  ];
}

/** Lists what stands in angle brackets with an `@`. @param mayBeBare a header whose brackets are missing holds one id */
function listIds(text: string, mayBeBare = false): string[] {
  const ids = text
    .slice(0, maxReport.textChars)
    .split('<')
    .slice(1)
    .map((rest) => rest.slice(0, maxReport.diagnosticChars).split('>', 2))
    .filter((pieces) => pieces.length === 2)
    .map(([id = '']) => id.replace(/\s+/g, ''))
    .filter((id) => id.includes('@'));
  const bare = text.trim();
  return ids.length === 0 && mayBeBare && /^[^\s<>]+$/.test(bare) && bare.length < maxReport.diagnosticChars ? [bare] : ids;
}

/** Lists the ids of `References`, the newest first: where a server has replaced the Message-ID, ours is the last, behind those of earlier mails. */
function listReferences(values: readonly string[]): string[] {
  return values.flatMap((value) => listIds(value, true).toReversed());
}

function toToken(address: string): string | null {
  const local = address.slice(0, address.lastIndexOf('@'));
  const plus = local.indexOf('+');
  return plus > 0 && plus < local.length - 1 ? local.slice(plus + 1) : null;
}

function limitIds(ids: readonly string[]): string[] {
  return [...new Set(ids)].slice(0, maxReport.ids);
}

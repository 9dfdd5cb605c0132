import { rm } from 'node:fs/promises';
import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import type { WhatsAppContext } from './config.ts';
import { findErrorRule } from './error-codes.ts';
import { callGraph, type GraphResult } from './graph.ts';
import { parseMediaRef } from './read-message.ts';
import { readMediaAddress } from './responses.ts';

/** Meta's media servers refuse the names of some programs. */
const browserLikeAgent = 'Mozilla/5.0 (compatible; Patchbay)';

/**
 * Downloads a file of a contact: asks for its address, which holds for five minutes, and fetches it with the token. A refusal is repeated
 * once with a fresh address. The id itself holds for seven days, so a temporary failure can be retried for as long.
 *
 * @param ref as {@link readMessage} made it
 */
export async function fetchMedia(context: WhatsAppContext, ref: string): Promise<FetchedFile | FetchFailure> {
  const media = parseMediaRef(ref);
  if (!media) return { kind: 'rejected', code: 'media_unknown', reason: 'has no id that WhatsApp knows' };
  const first = await fetchOnce(context, media, {});
  return first.kind === 'fetched' || !isWorthSecondTry(first)
    ? first
    : fetchOnce(context, media, { 'user-agent': browserLikeAgent });
}

const secondTryCodes = new Set(['media_gone', 'media_changed']);

function isWorthSecondTry(failure: FetchFailure): boolean {
  return secondTryCodes.has(failure.code);
}

async function fetchOnce(
  context: WhatsAppContext,
  { id, sha256 }: { id: string; sha256: string | undefined },
  headers: Readonly<Record<string, string>>,
): Promise<FetchedFile | FetchFailure> {
  const { config } = context.connection;
  const found = await callGraph(context, { method: 'GET', path: id, query: { phone_number_id: config.phoneNumberId } });
  if (found.kind !== 'ok') return toFetchFailure(found);
  const { url, sha256: describedHash } = readMediaAddress(found.body);
  if (!url || !isMediaAddress(url, config.baseUrl)) {
    return { kind: 'rejected', code: 'media_forbidden', reason: 'is at an address that is not WhatsApp’s' };
  }
  const file = await context.fetchFile(url, { authorization: `Bearer ${config.accessToken}`, ...headers });
  const expected = sha256 ?? describedHash;
  if (file.kind !== 'fetched' || expected === undefined || isSameHash(file.sha256, expected)) return file;
  await rm(file.path, { force: true });
  return { kind: 'unavailable', code: 'media_changed', reason: 'arrived damaged' };
}

/** Hosts of Meta's media servers. The token goes to no other one. */
const mediaHost = /(^|\.)(fbsbx\.com|facebook\.com|whatsapp\.net)$/;

/** Returns whether the token may be sent to an address: that of the configured server, or of one of Meta's by https. */
export function isMediaAddress(url: string, baseUrl: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, origin } = new URL(url);
  return origin === new URL(baseUrl).origin || (protocol === 'https:' && mediaHost.test(hostname));
}

/** Compares a hash in hexadecimal with one that Meta writes so, or in base64. */
function isSameHash(hex: string, given: string): boolean {
  return given.toLowerCase() === hex || Buffer.from(given, 'base64').toString('hex') === hex;
}

function toFetchFailure(result: Exclude<GraphResult, { kind: 'ok' }>): FetchFailure {
  const error = result.kind === 'error' ? result.error : null;
  const rule = error && findErrorRule(error, result.kind === 'error' ? result.status : null);
  // After seven days Meta knows the id no more.
  const isGone = rule?.kind === 'final' || error?.subcode === 33;
  if (isGone) return { kind: 'rejected', code: 'media_expired', reason: 'is no longer available at WhatsApp' };
  return { kind: 'unavailable', code: 'attachment_unreachable', reason: 'could not be fetched' };
}

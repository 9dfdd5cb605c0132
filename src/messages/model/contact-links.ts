import { createHash } from 'node:crypto';
import { maxChars } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';

/** Time for which a link may be used. Its address is also in the reason of a failed message, which many may read. */
export const contactLinkTtlMs = 14 * 24 * 60 * 60 * 1000;

const secretBytes = 16;
/** Vendors take payloads of up to 64 characters. */
const linkPayload = /^l-[\w-]{22}$/;
const claimPayload = /^c-([A-Za-z0-9_-]{1,62})$/;

/** A contact of a location, and the connection that it is to be reached by. */
export interface LinkTarget {
  readonly connectionId: string;
  readonly locationId: string;
  readonly contactId: string;
}

/** Stores a link of its own for each call, which one chat can use once. Only its hash is stored. @returns the payload */
export async function storeContactLink(
  deps: { clock: Clock; random: RandomSource },
  on: Executor,
  target: LinkTarget,
): Promise<{ payload: string; expiresAt: Date }> {
  const payload = `l-${deps.random(secretBytes).toString('base64url')}`;
  const now = dateNow(deps.clock);
  const expiresAt = new Date(now.getTime() + contactLinkTtlMs);
  await on.contactLink.create({ data: { id: hashPayload(payload), ...target, createdAt: now, expiresAt } });
  return { payload, expiresAt };
}

/**
 * Builds the payload that claims to be of a contact. It holds no secret, so that an address can be written with a merge field; the claim
 * counts once its chat has shared the contact's phone number.
 *
 * @returns null for a text that can't be the id of a contact, such as a merge field that was not replaced
 */
export function toClaimPayload(contactId: string): string | null {
  const payload = `c-${contactId}`;
  return claimPayload.test(payload) && contactId.length <= maxChars.highlevelId ? payload : null;
}

/** Classifies the payload that a vendor returns. @returns null for one that is not ours */
export function parsePayload(payload: string): { kind: 'link'; id: string } | { kind: 'claim'; contactId: string } | null {
  if (linkPayload.test(payload)) return { kind: 'link', id: hashPayload(payload) };
  const contactId = claimPayload.exec(payload)?.[1];
  return contactId === undefined ? null : { kind: 'claim', contactId };
}

/** Returns the id of the row that holds the claim of a chat: a newer claim takes its place. */
export function toClaimId(connectionId: string, address: string): string {
  return hash(`claim/${connectionId}/${address}`);
}

function hashPayload(payload: string): string {
  return hash(`link/${payload}`);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Our ids are of version 7 and in lower case (`core/ids.ts`). Mail programs write UUIDs of version 4, Apple Mail and Exchange in upper case. */
const ownKey = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})(?:-\d{1,16})?$/;
const maxIdChars = 400;
const maxIds = 50;

/**
 * Creates the Message-ID of an email, without its angle brackets, from the idempotency key: the same on every attempt, so that a vendor's
 * list can be searched for it and mailboxes recognise a repeat.
 *
 * @param domain of the sender, never of the vendor: some mailboxes refuse ids of a domain that did not send them
 */
export function createMessageId(idempotencyKey: string, domain: string): string {
  return `${idempotencyKey}@${domain}`;
}

/** Returns our message id in an idempotency key, which is the envelope id of an email too. */
export function parseOwnKey(key: string): string | undefined {
  return ownKey.exec(key)?.[1];
}

/** Returns our message id in a Message-ID of the form that `createMessageId` makes, whichever domain it names. */
export function parseOwnMessageId(id: string): string | undefined {
  const at = id.indexOf('@');
  return at < 0 ? undefined : parseOwnKey(id.slice(0, at));
}

/**
 * Parses the ids in a header such as `References`, without their angle brackets. Folded lines, commas and text between them are skipped; ids
 * without brackets, which some programs write, are read too.
 */
export function parseIdList(header: string | undefined): string[] {
  const text = header ?? '';
  const bracketed: string[] = [];
  for (let open = text.indexOf('<'); open >= 0 && bracketed.length < maxIds; open = text.indexOf('<', open + 1)) {
    const close = text.indexOf('>', open);
    if (close < 0) break;
    bracketed.push(text.slice(open + 1, close));
    open = close;
  }
  const found = bracketed.length > 0 ? bracketed : text.split(/[\s,]+/).slice(0, maxIds);
  return found.map((id) => id.replace(/\s+/g, '')).filter((id) => id !== '' && id.length <= maxIdChars);
}

/** Removes the angle brackets of a Message-ID. @returns undefined where there is none */
export function parseMessageId(header: string | undefined): string | undefined {
  return parseIdList(header)[0];
}

/** Formats a Message-ID for a header. @returns null for a text that is none: a vendor's own id of another kind */
export function formatMessageId(id: string): string | null {
  const bare = id.trim().replace(/^<|>$/g, '');
  return bare.length <= maxIdChars && /^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(bare) && /^[^@]+@[^@]+$/.test(bare)
    ? `<${bare}>`
    : null;
}

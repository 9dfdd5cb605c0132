import { createHash } from 'node:crypto';

/** The longest that each kind of foreign text may be where an index holds it, in characters. */
export const maxChars = {
  /** An id of HighLevel's: 24 in practice. */
  highlevelId: 128,
  /** A vendor's id of a message; a mail's Message-ID fits. */
  externalId: 500,
  /** A telephone number, an email address or a vendor's id of a person. */
  address: 320,
} as const;

const hashChars = 64;

/**
 * Brings an id into a length that an index takes. A longer one keeps its beginning and ends in its SHA-256, so that it is still the same
 * id wherever it comes in, and not another one's.
 */
export function fitId(id: string, max: number = maxChars.externalId): string {
  if (id.length <= max) return id;
  const hash = createHash('sha256').update(id).digest('hex');
  // The cut may go through the middle of a character.
  return `${id.slice(0, max - hashChars - 1).toWellFormed()}#${hash}`;
}

/** The longest ordering key of a job: a location's id, and a contact's id or address. */
export const maxOrderingKey = maxChars.highlevelId + 1 + maxChars.externalId;

/**
 * What keeps each text column that an index holds short enough: PostgreSQL's entries have at most 2,704 bytes, and a character has up to
 * three. `ours`: the program makes the value. A test compares this with the schema.
 */
export const indexedText: Record<string, number | 'ours'> = {
  'installations.resource_id': maxChars.highlevelId,
  'installations.company_id': maxChars.highlevelId,
  'installations.install_code_hash': 'ours',
  'app_events.id': maxChars.highlevelId,
  'connections.location_id': maxChars.highlevelId,
  // From the operator's settings.
  'connections.provider_key': 'ours',
  'permission_problems.resource_id': maxChars.highlevelId,
  'permission_problems.permission': 'ours',
  'messages.location_id': maxChars.highlevelId,
  'messages.highlevel_message_id': maxChars.highlevelId,
  'messages.contact_id': maxChars.highlevelId,
  'messages.external_id': maxChars.externalId,
  // A connection's id, a slash and an external id.
  'messages.inbound_key': 36 + 1 + maxChars.externalId,
  'receipts.external_id': maxChars.externalId,
  // What it limits, and the ids of a location, a company and a provider.
  'paces.key': 2 * maxChars.highlevelId,
  'jobs.key': maxOrderingKey,
  'identities.location_id': maxChars.highlevelId,
  'identities.address': maxChars.address,
  'media.location_id': maxChars.highlevelId,
  'media.secret_hash': 'ours',
  'redrives.location_id': maxChars.highlevelId,
  'sessions.id': 'ours',
  'sessions.sid': 'ours',
  'audit_entries.location_id': maxChars.highlevelId,
  'audit_entries.company_id': maxChars.highlevelId,
  'seen_contexts.id': 'ours',
  'alerts.subject': 2 * maxChars.highlevelId,
  'alerts.open_key': 3 * maxChars.highlevelId,
  'alerts.location_id': maxChars.highlevelId,
  'watches.name': 'ours',
  'active_days.location_id': maxChars.highlevelId,
  'day_counts.location_id': maxChars.highlevelId,
  'keys.purpose': 'ours',
  'keys.fingerprint': 'ours',
};

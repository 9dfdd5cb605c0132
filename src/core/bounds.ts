import { createHash } from 'node:crypto';

/** Longest text from outside that an index holds, in characters, by kind. */
export const maxChars = {
  /** An id of HighLevel's: 24 in practice. */
  highlevelId: 128,
  /** A vendor's id of a message; a mail's Message-ID fits. */
  externalId: 500,
  /** A telephone number, an email address or a vendor's id of a person. */
  address: 320,
  /** A contact's id, or an address; a longer list of recipients ends in its hash. */
  orderingKey: 500,
  /** A provider's key, from the operator's settings. */
  providerKey: 64,
  /** A name that a person gives. */
  name: 60,
} as const;

const hashChars = 64;

/**
 * Shortens an id to a length that an index takes. A longer id keeps its beginning and ends in its SHA-256, so that the same id is always
 * shortened to the same text and two ids never become one.
 */
export function fitId(id: string, max: number = maxChars.externalId): string {
  if (id.length <= max) return id;
  const hash = createHash('sha256').update(id).digest('hex');
  // The cut may split a character.
  return `${id.slice(0, max - hashChars - 1).toWellFormed()}#${hash}`;
}

const installed = maxChars.highlevelId;

/**
 * Most characters of each text column that an index holds; null where the program makes the value. An index entry has at most 2,704 bytes,
 * and a longer value can never be stored. A test compares this with the schema.
 */
export const indexedText: Readonly<Record<string, number | null>> = {
  'Installation.resourceId': maxChars.highlevelId,
  'Installation.companyId': maxChars.highlevelId,
  'Installation.installCodeHash': null,
  'ApiToken.locationId': installed,
  'ApiToken.name': maxChars.name,
  'ApiToken.tokenHash': null,
  // HighLevel's webhookId, or a hash.
  'AppEvent.id': maxChars.highlevelId,
  'Connection.locationId': installed,
  'Connection.providerKey': maxChars.providerKey,
  // A type of the registry.
  'Connection.type': null,
  'SenderSettings.address': maxChars.address,
  'RetentionPolicy.locationId': installed,
  'RetentionProgress.locationId': installed,
  'RoutingPolicy.locationId': installed,
  'RoutingPolicy.providerKey': maxChars.providerKey,
  'ContactFacts.locationId': installed,
  'ContactFacts.contactId': maxChars.highlevelId,
  'DndReconcile.locationId': installed,
  'Erasure.locationId': installed,
  'QuietPeriod.recipient': maxChars.address,
  'PermissionProblem.resourceId': installed,
  // A scope, a provider or an operation.
  'PermissionProblem.permission': maxChars.highlevelId,
  'Message.locationId': maxChars.highlevelId,
  'Message.highlevelMessageId': maxChars.highlevelId,
  'Message.contactId': maxChars.highlevelId,
  // A connection's id, a slash and a vendor's id.
  'Message.inboundKey': 37 + maxChars.externalId,
  'ExternalId.externalId': maxChars.externalId,
  'Receipt.externalId': maxChars.externalId,
  // A connection's group may end in a slash and its id.
  'RateLimitRow.key': 69 + maxChars.highlevelId + maxChars.providerKey,
  'Job.orderingKey': maxChars.highlevelId + 1 + maxChars.orderingKey,
  // A provider's id, from the operator's settings.
  'InboundType.providerId': maxChars.highlevelId,
  'ContactAddress.locationId': installed,
  'ContactAddress.address': maxChars.address,
  'ContactAddress.contactId': maxChars.highlevelId,
  'VendorAddress.address': maxChars.address,
  'VendorAddress.vendorUserId': maxChars.address,
  // A hash.
  'ContactLink.id': null,
  'OptOut.locationId': installed,
  'OptOut.address': maxChars.address,
  'TriggerSubscription.locationId': maxChars.highlevelId,
  'TriggerSubscription.triggerId': maxChars.highlevelId,
  'TriggerEvent.locationId': maxChars.highlevelId,
  'TriggerEvent.triggerId': maxChars.highlevelId,
  'WebhookEndpoint.locationId': installed,
  'WebhookEvent.locationId': installed,
  'WebhookEvent.address': maxChars.address,
  'WorkflowSend.locationId': maxChars.highlevelId,
  // Two ids of HighLevel's, or a hash, with a prefix; a longer request id ends in its hash.
  'WorkflowSend.requestKey': 16 + 2 * maxChars.highlevelId,
  'WorkflowSend.highlevelMessageId': maxChars.highlevelId,
  'WorkflowPause.locationId': maxChars.highlevelId,
  'WorkflowPause.statusId': maxChars.highlevelId,
  'WorkflowPause.stepId': maxChars.highlevelId,
  'Attachment.locationId': installed,
  'Attachment.secretHash': null,
  'Redrive.locationId': installed,
  'Session.id': null,
  'Session.sid': null,
  'AuditEntry.locationId': installed,
  'AuditEntry.companyId': installed,
  'AuditEntry.action': null,
  'SeenUserContext.id': null,
  'Alert.subject': 32 + 2 * maxChars.highlevelId,
  'Alert.dedupKey': 64 + 2 * maxChars.highlevelId,
  'Alert.locationId': installed,
  'PeriodicTask.name': null,
  'WebhookActivity.address': 32 + maxChars.providerKey,
  'UnknownWebhook.hash': null,
  'DailyActivity.locationId': installed,
  'DailyStats.locationId': installed,
  'AuthFailure.kind': null,
  'SessionRevocation.resourceId': installed,
  // A hash.
  'UsedOauthState.id': null,
  'KeyFingerprint.purpose': null,
  'KeyFingerprint.fingerprint': null,
};

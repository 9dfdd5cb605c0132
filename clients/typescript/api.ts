// Generated from the API's description by `npm run client`. Changes here are lost.

export type Alert = {
  alertId: string;
  kind: "channel_failing" | "channel_held" | "channel_disconnected" | "location_silent" | "reauth_required" | "quota_low" | "queue_latency" | "signatures_invalid" | "permission_missing" | "addresses_mixed_up" | "auth_failures" | "mail_complaints" | "webhook_disabled";
  locationId: string | null;
  /** Null, like `locationId`, for an alert about the whole app. */
  companyId: string | null;
  /** Subject of the alert. At most one alert of a kind and subject is open at a time. */
  subject: string;
  /** Description of the latest state. */
  details: string;
  startedAt: string;
  lastSeenAt: string;
  /** Time of its resolution; null while it is open. */
  endedAt: string | null;
};

export type ApiToken = {
  id: string;
  name: string;
  /** Last characters of the token. */
  hint: string;
  scopes: Array<string>;
  /** User’s id, or `operator`. */
  createdBy: string;
  createdAt: string;
  expiresAt: string;
  /** Recorded at most once a minute. */
  lastUsedAt: string | null;
};

export type AuditEntry = {
  id: string;
  at: string;
  /** A user’s id, `operator`, `highlevel` for its events, or `patchbay`. */
  actor: string;
  /** installed, uninstalled, disconnect_requested, suspended, reauth_required, reactivated, channel_connected, connection_held, connection_resumed, consent_given, connection_arranged, routing_changed, webhooks_registered, opt_out_recorded, opt_out_lifted, opt_outs_imported, channel_changed, channel_disconnected, message_resent, message_marked_sent, redrive_started, database_restored, retention_changed, erasure_requested, contact_erased, plan_changed, payment_status_changed, context_replayed, sessions_revoked, api_token_created, api_token_revoked, webhook_endpoint_added, webhook_endpoint_changed, webhook_endpoint_removed, webhooks_replayed, context_refused, operator_token_refused, metrics_token_refused, operator_signed_in, operator_sign_in_failed, operator_signed_out */
  action: string;
  companyId: string | null;
  locationId: string | null;
  details: string | null;
};

export type CallLog = {
  /** Your id of the call: a repeat is not logged again. */
  externalId: string;
  direction: "inbound" | "outbound";
  from: string;
  to: string;
  status: "pending" | "completed" | "answered" | "busy" | "no-answer" | "failed" | "canceled" | "voicemail";
  /** Of the contact, if it is new. */
  name?: string;
  startedAt?: string;
  /** Addresses from which they are fetched and stored. */
  recordings?: Array<string>;
};

export type CallRecordings = {
  /** Of a call that was logged before. */
  externalId: string;
  /** Addresses from which they are fetched and stored. */
  recordings: Array<string>;
};

export type Checks = {
  checks: Array<{
    name: string;
    status: "ok" | "warning" | "failed";
    message: string;
    /** What to do about it. */
    fix?: string;
  }>;
};

export type Company = {
  companyId: string;
  name: string | null;
  status: "pending" | "active" | "suspended" | "reauth_required" | "uninstalled";
  statusReason: string | null;
  /** Permissions that the CRM denies to this installation, with the fix. */
  permissionProblems: Array<{
    permission: string;
    message: string;
    refusedAt: string;
  }>;
  /** URL at which to reconnect, if the app must be installed again. */
  reconnectUrl: string | null;
  /** HighLevel installs the app in locations that are created later. */
  includesFutureLocations: boolean;
  installedAt: string | null;
  /** Number of locations by status; `pending` ones have no token yet. */
  locations: {
    pending: number;
    active: number;
    suspended: number;
    reauth_required: number;
    uninstalled: number;
  };
  /** The last listing of its locations. */
  sync: {
    status: "waiting" | "running" | "done";
    startedAt: string | null;
    finishedAt: string | null;
  };
};

export type Connection = {
  connectionId: string;
  locationId: string;
  providerKey: string;
  type: string;
  /** For people; null for the name of its account or channel. */
  name: string | null;
  /** It carries what no rule sends elsewhere. */
  isDefault: boolean;
  /** Place among the connections of the provider, from 0. */
  position: number;
  /** A person has paused it: its messages wait, fail or go elsewhere, as the routing policy says. */
  isPaused: boolean;
  /** `held`: the vendor refuses the account, and messages wait. `pairing`: a person has to pair a device first. `disabled`: a person has paused it. */
  status: "active" | "held" | "pairing" | "disabled";
  /** Reason for a status other than active. */
  statusReason: {
    code: string;
    message: string;
  } | null;
  /** The vendor’s name for the account; null until the vendor was asked. */
  account: string | null;
  /** Configuration without secrets. */
  config: Record<string, unknown>;
  /** What was learned about the vendor and is acted on, such as the form of ids in receipts. */
  findings: Array<{
    code: string;
    message: string;
  }>;
  /** Webhook URLs for the vendor, by event. */
  callbackUrls: Record<string, string>;
  webhooks: {
    /** Same as `callbackUrls`. */
    addresses: Record<string, string>;
    /** Registration with the vendor; null when a person copies the addresses. */
    registration: {
      status: "pending" | "registered" | "taken" | "manual" | "failed";
      /** `taken`: the address that is registered now. */
      details: string | null;
    } | null;
    /** An authentic webhook has arrived. */
    received: boolean;
    lastReceivedAt: string | null;
  };
  capabilities: {
    messageTypes: Array<"sms" | "email">;
    addressType: "phone" | "email" | "vendor_id";
    attachments: "none" | "urls" | "bytes";
    receipts: boolean;
    idempotent: boolean;
    vendorAddresses: boolean;
    managesOptOuts: boolean;
  };
  /** Facts about the account that the vendor reported while connecting. */
  warnings?: Array<string>;
  createdAt: string;
  updatedAt: string;
};

export type ConnectionChange = {
  /** With `config`: its type stays without it. */
  type?: string;
  /** Replaces the config; omitted secret fields retain their value. Without it the config stays. */
  config?: Record<string, unknown>;
  name?: string | null;
  /** Only true has an effect: a provider always has a default. */
  isDefault?: boolean;
  /** Place among the connections of the provider, from 0. */
  position?: number;
  isPaused?: boolean;
};

export type ConnectionSender = {
  address: string;
  /** The vendor’s name for it. */
  label: string | null;
  /** The connection sends from it where no rule names another. */
  isOwn: boolean;
  /** The vendor lists it now; null where it lists none. */
  isListed: boolean | null;
  ratePerSecond: number | null;
  dailyCap: number | null;
  sendingWindow: Record<string, unknown> | null;
  isPaused: boolean;
  /** Counted where it has a daily cap. */
  sentToday: number;
  health: {
    /** Messages of the last 24 hours that the vendor accepted. */
    sent: number;
    /** Messages of the last 24 hours that failed. */
    failed: number;
  };
};

export type ConnectionWanted = {
  /** A channel type, such as gateway. */
  type: string;
  /** Omitted secret fields retain their value. */
  config?: Record<string, unknown>;
};

export type ContactLink = {
  /** Opens the chat. The first one who opens it is bound to the contact, so it is for the contact alone. */
  url: string;
  expiresAt: string;
  /** Address with a merge field, for texts to many contacts. Its chat is bound once the contact shares its phone number there. */
  workflowUrl: string;
};

export type ContactLinkWanted = {
  /** Id of the contact in the CRM. */
  contactId: string;
};

export type CreatedApiToken = {
  id: string;
  name: string;
  /** Last characters of the token. */
  hint: string;
  scopes: Array<string>;
  /** User’s id, or `operator`. */
  createdBy: string;
  createdAt: string;
  expiresAt: string;
  /** Recorded at most once a minute. */
  lastUsedAt: string | null;
  /** Shown this once: only its hash is stored. */
  token: string;
};

export type Erasure = {
  id: string;
  contactId: string | null;
  /** The contact’s id, or its address with most of it hidden. */
  subject: string;
  requestedBy: string;
  requestedAt: string;
  /** Messages erased so far. */
  messageCount: number;
  /** Time at which content and addresses were erased. */
  contentErasedAt: string | null;
  /** Time at which nothing of the contact was left, a day later. */
  endedAt: string | null;
};

export type ErasureRequest = {
  contactId?: string;
  /** Instead, where no contact has it. */
  address?: string;
};

export type Location = {
  locationId: string;
  companyId: string | null;
  name: string | null;
  timezone: string | null;
  status: "active" | "suspended" | "reauth_required" | "uninstalled";
  statusReason: string | null;
  /** Permissions that the CRM denies to this installation, with the fix. */
  permissionProblems: Array<{
    permission: string;
    message: string;
    refusedAt: string;
  }>;
  /** URL at which to reconnect, if the app must be installed again. */
  reconnectUrl: string | null;
  installedAt: string | null;
  channels: Array<{
    providerKey: string;
    type: string;
    connectionId: string;
  }>;
};

export type Message = {
  /** Id of ours. */
  id: string;
  highlevelMessageId: string | null;
  direction: "outbound" | "inbound";
  /** For an inbound message, delivered means posted into its conversation. */
  status: "pending" | "unknown" | "delivered" | "read" | "failed";
  /** Reason for the failure or the wait. */
  reason: {
    code: string;
    message: string;
  } | null;
  /** Status that HighLevel has accepted. */
  reportedStatus: "delivered" | "read" | "failed" | null;
  locationId: string;
  providerKey: string;
  connectionId: string | null;
  contactId: string | null;
  conversationId: string | null;
  userId: string | null;
  externalId: string | null;
  channel: "sms" | "email";
  from: string | null;
  to: string | null;
  /** The contact’s address as received, if it is stored in another form. */
  rawAddress: string | null;
  subject: string | null;
  text: string | null;
  attachments: Array<string>;
  /** Of a logged call: how it ended. */
  callStatus: string | null;
  /** Sender that was chosen for it; null for the connection’s own. */
  sender: string | null;
  /** Rule that chose connection and sender, and why; null where nothing was to choose. */
  route: {
    rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default";
    /** Rules in their order, up to the one that decided. */
    steps: Array<{
      rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default" | "next";
      /** `chosen`: it decides. `replaced`, `waits` and `fails`: it decides and is unavailable. */
      result: "off" | "no_match" | "unknown" | "removed" | "chosen" | "replaced" | "waits" | "fails";
      /** Tag, user, country, prefix, override or chosen sender that matched. */
      value?: string;
      /** Why the chosen one is unavailable. */
      because?: "held" | "pairing" | "paused" | "over_cap";
    }>;
    connectionId: string;
    type: string;
    name: string | null;
    sender: string | null;
    /** Sender that the workflow of the message has chosen. */
    requestedSender?: string;
  } | null;
  isTest: boolean;
  /** The message failed repeatedly, so later messages of its contact were sent first. It may be out of order. */
  outOfOrder: boolean;
  nextAttemptAt: string | null;
  /** Time at which its content was erased. */
  contentErasedAt: string | null;
  createdAt: string;
  updatedAt: string;
};

export type MessageDetail = {
  /** Id of ours. */
  id: string;
  highlevelMessageId: string | null;
  direction: "outbound" | "inbound";
  /** For an inbound message, delivered means posted into its conversation. */
  status: "pending" | "unknown" | "delivered" | "read" | "failed";
  /** Reason for the failure or the wait. */
  reason: {
    code: string;
    message: string;
  } | null;
  /** Status that HighLevel has accepted. */
  reportedStatus: "delivered" | "read" | "failed" | null;
  locationId: string;
  providerKey: string;
  connectionId: string | null;
  contactId: string | null;
  conversationId: string | null;
  userId: string | null;
  externalId: string | null;
  channel: "sms" | "email";
  from: string | null;
  to: string | null;
  /** The contact’s address as received, if it is stored in another form. */
  rawAddress: string | null;
  subject: string | null;
  text: string | null;
  attachments: Array<string>;
  /** Of a logged call: how it ended. */
  callStatus: string | null;
  /** Sender that was chosen for it; null for the connection’s own. */
  sender: string | null;
  /** Rule that chose connection and sender, and why; null where nothing was to choose. */
  route: {
    rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default";
    /** Rules in their order, up to the one that decided. */
    steps: Array<{
      rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default" | "next";
      /** `chosen`: it decides. `replaced`, `waits` and `fails`: it decides and is unavailable. */
      result: "off" | "no_match" | "unknown" | "removed" | "chosen" | "replaced" | "waits" | "fails";
      /** Tag, user, country, prefix, override or chosen sender that matched. */
      value?: string;
      /** Why the chosen one is unavailable. */
      because?: "held" | "pairing" | "paused" | "over_cap";
    }>;
    connectionId: string;
    type: string;
    name: string | null;
    sender: string | null;
    /** Sender that the workflow of the message has chosen. */
    requestedSender?: string;
  } | null;
  isTest: boolean;
  /** The message failed repeatedly, so later messages of its contact were sent first. It may be out of order. */
  outOfOrder: boolean;
  nextAttemptAt: string | null;
  /** Time at which its content was erased. */
  contentErasedAt: string | null;
  createdAt: string;
  updatedAt: string;
  html: string | null;
  segments: Segments;
  /** Recipients of an outbound email, and from what the state of each is known. */
  recipients: Array<{
    address: string;
    state: "pending" | "delivered" | "read" | "failed";
    reason: {
      code: string;
      message: string;
    } | null;
  }>;
  attempts: Array<{
    id: string;
    connectionId: string;
    startedAt: string;
    endedAt: string | null;
    outcome: "accepted" | "delivered" | "rejected" | "unavailable" | "connection_error" | "unknown" | null;
    reason: {
      code: string;
      message: string;
    } | null;
    /** Response of the vendor, truncated and redacted. */
    response: string | null;
  }>;
  /** Events, oldest first; for a long history only the newest part. */
  timeline: Array<{
    at: string;
    event: "received" | "attempt_begun" | "attempt_ended" | "receipt" | "report" | "passed";
    text: string;
    traceId: string | null;
  }>;
  /** Cursor of the earlier part, for `before`; null at the start. */
  timelineBefore: string | null;
};

export type NewConnection = {
  /** A channel type, such as gateway. */
  type: string;
  /** Omitted secret fields retain their value. */
  config?: Record<string, unknown>;
  providerKey: string;
  name?: string | null;
  /** A provider’s first connection is its default in any case. */
  isDefault?: boolean;
};

export type OptOut = {
  id: string;
  /** A phone number in E.164, an email address, or a vendor’s id of the contact. */
  address: string;
  /** The messages that the contact does not want. */
  category: "all" | "marketing";
  /** contact (a STOP), vendor, user, operator, or highlevel: do-not-disturb that was set in the CRM. */
  source: string;
  reason: string | null;
  channel: "sms" | "email";
  /** Connection over which it came. */
  connectionId: string | null;
  /** A user’s id, or the source. */
  addedBy: string | null;
  startedAt: string;
  liftedAt: string | null;
  liftedBy: string | null;
  liftReason: string | null;
};

export type OptOutImport = {
  rowCount: number;
  addedCount: number;
  /** Rows of addresses that had opted out before, or that stand in the file twice. */
  knownCount: number;
  errorCount: number;
  /** The first 100 rows that were not imported. */
  errors: Array<{
    line: number;
    code: "address_missing" | "address_invalid" | "reason_invalid" | "too_many_rows";
    /** Start of the cell. */
    value: string;
  }>;
};

export type OptOutWanted = {
  /** For the audit log and for other users. */
  reason: string;
};

export type Overview = {
  since: string;
  /** Locations by status. */
  locations: Record<string, number>;
  messages: Array<{
    direction: "outbound" | "inbound";
    status: "pending" | "unknown" | "delivered" | "read" | "failed";
    count: number;
  }>;
  queues: Array<{
    name: string;
    ready: number;
    deferred: number;
    active: number;
    latencySeconds: number;
  }>;
  /** Installations whose daily HighLevel quota is lowest or used up. */
  limits: Array<{
    /** Or a companyId: either has its own limit. */
    locationId: string;
    quotaRemaining: number | null;
    at: string | null;
    pausedUntil: string | null;
    reason: {
      code: string;
      message: string;
    } | null;
  }>;
  /** Version of the program; for the operator. */
  version: string | null;
  /** Keys in use with their age; for the operator. */
  keys: Array<{
    purpose: "encryption" | "session";
    /** Identifies the key without disclosing it. */
    fingerprint: string;
    /** Time at which a process first started with this key. */
    firstSeenAt: string;
    /** Number of older keys that are still accepted. */
    olderCount: number;
    /** Number of stored secrets that an older key has encrypted; null for a key that encrypts no stored secrets. */
    sealedWithOlder: number | null;
  }>;
};

export type Pairing = {
  status: "paired" | "waiting";
  /** Data URL of an image to scan. */
  qrCode?: string;
  /** Code to enter on the device. */
  code?: string;
  /** Address at which a person finishes the sign-in. */
  url?: string;
  /** Name of the service that the person signs in with, such as Google. */
  service?: string;
  expiresAt?: string;
};

export type Problem = {
  error: {
    code: string;
    message: string;
    details: Array<string>;
  };
};

export type Redrive = {
  id: string;
  filter: Record<string, unknown>;
  /** Number of matching messages at the start. */
  totalCount: number;
  /** Number of messages that were queued again. */
  doneCount: number;
  startedAt: string;
  endedAt: string | null;
};

export type RedriveWanted = {
  direction?: "outbound" | "inbound";
  /** The code of the reason. */
  reason?: string;
  since?: string;
  /** Default: now. */
  until?: string;
};

export type RefusedSends = {
  totalCount: number;
  /** Today last. Messages by the day on which they came. */
  days: Array<{
    day: string;
    count: number;
  }>;
  /** Sources of the opt-outs; unknown for one that the ledger no longer has, and for an email to several. */
  causes: Array<{
    cause: "contact" | "vendor" | "user" | "operator" | "highlevel" | "unknown";
    count: number;
  }>;
};

export type RetentionPolicy = {
  /** Messages are deleted after so many days; null: they are kept. */
  messageDays: number | null;
  /** Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept. */
  contentDays: number | null;
  /** Whether a contact that is deleted in the CRM is erased. */
  erasesDeletedContacts: boolean;
};

export type RevokedSessions = {
  /** User contexts first seen before this time are rejected. */
  revokedAt: string;
};

export type RoutingPolicy = {
  /** Asked by kind: override, tag, assignedTo, country and prefix together; within a kind in this order. The first that matches decides. */
  rules: Array<{
    when: {
      /** Start of the text, without its #: `2` for messages that start with “#2 ”. It is cut off the text. */
      override?: string;
      /** Tag of the contact. */
      tag?: string;
      /** Id of the user to whom the contact is assigned. */
      assignedTo?: string;
      /** Country of the phone number (ISO 3166). */
      country?: string;
      /** Start of the address, such as +4479. */
      prefix?: string;
    };
    connectionId: string;
    /** Number or address of the connection; without it the connection’s own. */
    sender?: string;
  }>;
  /** Where no rule matches: the connection and sender that the contact last wrote to or heard from. */
  sticky: boolean;
  /** Then: contacts are spread over these by weight, each always to the same one. */
  spread: Array<{
    connectionId: string;
    /** Number or address of the connection; without it the connection’s own. */
    sender?: string;
    weight: number;
  }>;
  /** While the chosen one is held, paused or over its daily cap: messages wait, fail, or go to the next available connection. */
  whenUnavailable: "wait" | "fail" | "next";
};

export type RoutingPolicyWanted = {
  /** Asked by kind: override, tag, assignedTo, country and prefix together; within a kind in this order. The first that matches decides. */
  rules?: Array<{
    when: {
      /** Start of the text, without its #: `2` for messages that start with “#2 ”. It is cut off the text. */
      override?: string;
      /** Tag of the contact. */
      tag?: string;
      /** Id of the user to whom the contact is assigned. */
      assignedTo?: string;
      /** Country of the phone number (ISO 3166). */
      country?: string;
      /** Start of the address, such as +4479. */
      prefix?: string;
    };
    connectionId: string;
    /** Number or address of the connection; without it the connection’s own. */
    sender?: string;
  }>;
  /** Where no rule matches: the connection and sender that the contact last wrote to or heard from. */
  sticky?: boolean;
  /** Then: contacts are spread over these by weight, each always to the same one. */
  spread?: Array<{
    connectionId: string;
    /** Number or address of the connection; without it the connection’s own. */
    sender?: string;
    weight?: number;
  }>;
  /** While the chosen one is held, paused or over its daily cap: messages wait, fail, or go to the next available connection. */
  whenUnavailable?: "wait" | "fail" | "next";
};

export type RoutingPreview = {
  connectionId: string;
  name: string | null;
  /** Null for the connection’s own. */
  sender: string | null;
  rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default";
  /** Rules in their order, up to the one that decides. */
  steps: Array<{
    rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default" | "next";
    /** `chosen`: it decides. `replaced`, `waits` and `fails`: it decides and is unavailable. */
    result: "off" | "no_match" | "unknown" | "removed" | "chosen" | "replaced" | "waits" | "fails";
    /** Tag, user, country, prefix, override or chosen sender that matched. */
    value?: string;
    /** Why the chosen one is unavailable. */
    because?: "held" | "pairing" | "paused" | "over_cap";
  }>;
  /** The message would fail, as what is chosen is unavailable. */
  fails: boolean;
  /** The text without its override. */
  text: string | null;
};

export type RoutingPreviewWanted = {
  /** Address of the contact. */
  to: string;
  /** Without it, rules about the contact match nothing. */
  contactId?: string;
  text?: string;
};

export type Segments = {
  encoding: "gsm" | "latin1" | "ascii" | "ucs2";
  segmentCount: number;
  /** Characters as the encoding counts them: septets, octets or units of UTF-16. */
  length: number;
  /** Those that fit into so many segments. */
  capacity: number;
  /** Those that still fit into the last one. */
  remaining: number;
} | null;

export type Sender = {
  address: string;
  label: string;
};

export type SenderSettings = {
  ratePerSecond?: number | null;
  dailyCap?: number | null;
  sendingWindow?: {
    from: string;
    to: string;
    days?: Array<"mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun">;
  } | null;
  /** A paused sender sends nothing. */
  isPaused?: boolean;
};

export type Session = {
  /** For Authorization: Bearer. */
  token: string;
  expiresAt: string;
  user: {
    userId: string;
    userName: string | null;
    email: string | null;
    role: string;
    type: string;
  };
  /** Null in an agency’s context. */
  locationId: string | null;
  companyId: string;
};

export type SessionWanted = {
  /** The user context from the parent frame, unchanged. */
  encryptedData: string;
};

export type Template = {
  name: string;
  language: string;
  category: string;
  body: string;
  /** Names, or positions, of the parameters of the body. */
  parameters: Array<string>;
};

export type TestMessage = {
  /** Id of ours. */
  id: string;
  highlevelMessageId: string | null;
  direction: "outbound" | "inbound";
  /** For an inbound message, delivered means posted into its conversation. */
  status: "pending" | "unknown" | "delivered" | "read" | "failed";
  /** Reason for the failure or the wait. */
  reason: {
    code: string;
    message: string;
  } | null;
  /** Status that HighLevel has accepted. */
  reportedStatus: "delivered" | "read" | "failed" | null;
  locationId: string;
  providerKey: string;
  connectionId: string | null;
  contactId: string | null;
  conversationId: string | null;
  userId: string | null;
  externalId: string | null;
  channel: "sms" | "email";
  from: string | null;
  to: string | null;
  /** The contact’s address as received, if it is stored in another form. */
  rawAddress: string | null;
  subject: string | null;
  text: string | null;
  attachments: Array<string>;
  /** Of a logged call: how it ended. */
  callStatus: string | null;
  /** Sender that was chosen for it; null for the connection’s own. */
  sender: string | null;
  /** Rule that chose connection and sender, and why; null where nothing was to choose. */
  route: {
    rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default";
    /** Rules in their order, up to the one that decided. */
    steps: Array<{
      rule: "workflow" | "override" | "tag" | "assignedTo" | "address" | "sticky" | "spread" | "default" | "next";
      /** `chosen`: it decides. `replaced`, `waits` and `fails`: it decides and is unavailable. */
      result: "off" | "no_match" | "unknown" | "removed" | "chosen" | "replaced" | "waits" | "fails";
      /** Tag, user, country, prefix, override or chosen sender that matched. */
      value?: string;
      /** Why the chosen one is unavailable. */
      because?: "held" | "pairing" | "paused" | "over_cap";
    }>;
    connectionId: string;
    type: string;
    name: string | null;
    sender: string | null;
    /** Sender that the workflow of the message has chosen. */
    requestedSender?: string;
  } | null;
  isTest: boolean;
  /** The message failed repeatedly, so later messages of its contact were sent first. It may be out of order. */
  outOfOrder: boolean;
  nextAttemptAt: string | null;
  /** Time at which its content was erased. */
  contentErasedAt: string | null;
  createdAt: string;
  updatedAt: string;
  segments: Segments;
};

export type TestWanted = {
  /** Default: +12025550100, a number reserved for fiction, or the reserved address nobody@example.com. */
  to?: string;
  text?: string;
};

export type UnknownWebhook = {
  id: string;
  /** Address at which it arrived: `app` or `providers/<key>`. */
  address: string;
  /** Reason why it was not recognized. */
  reasonCode: string;
  /** Start of the body, without values that look like secrets. */
  body: string;
  /** Length of the complete body. */
  sizeBytes: number;
  /** Number of times it was received. */
  receivedCount: number;
  receivedAt: string;
  lastSeenAt: string;
};

export type WebhookAttempt = {
  id: string;
  /** The header webhook-id. */
  eventId: string;
  type: string;
  messageId: string | null;
  startedAt: string;
  durationMs: number;
  /** HTTP status of the response; null without one. */
  status: number | null;
  /** Why there is no response. */
  error: string | null;
  /** Beginning of the response. */
  response: string | null;
  /** Of the event; null while it is open. */
  outcome: "delivered" | "failed" | null;
  nextAttemptAt: string | null;
};

export type WebhookEndpoint = {
  id: string;
  url: string;
  description: string | null;
  eventTypes: Array<string>;
  status: "active" | "failing" | "disabled";
  /** Five days of failures, its response 410, or a person. */
  disabledReason: "failing" | "gone" | "user" | null;
  failingSince: string | null;
  /** Recorded at most once a minute. */
  lastSuccessAt: string | null;
  /** Until then, the secret before the rotation signs too. */
  previousSecretUntil: string | null;
  createdAt: string;
  updatedAt: string;
};

export type WebhookEndpointWithSecret = {
  id: string;
  url: string;
  description: string | null;
  eventTypes: Array<string>;
  status: "active" | "failing" | "disabled";
  /** Five days of failures, its response 410, or a person. */
  disabledReason: "failing" | "gone" | "user" | null;
  failingSince: string | null;
  /** Recorded at most once a minute. */
  lastSuccessAt: string | null;
  /** Until then, the secret before the rotation signs too. */
  previousSecretUntil: string | null;
  createdAt: string;
  updatedAt: string;
  /** A new secret, shown this once. */
  secret: string | null;
};

export type WebhooksWanted = {
  /** Replaces addresses of another program. */
  replace?: boolean;
};

export type WorkflowTrigger = {
  /** HighLevel’s id of the trigger in its workflow. */
  triggerId: string;
  workflowId: string | null;
  /** Key of the trigger, such as `message_failed`. */
  type: string;
  /** An event must meet all of them, each by one of its values. */
  filters: Array<{
    field: string;
    operator: string;
    values: Array<string>;
  }>;
  /** `waiting`: events are not sent yet. `failing`: its last request did not certainly start the workflow. */
  state: "active" | "waiting" | "failing";
  /** Events that are not sent yet. */
  waitingCount: number;
  /** Last start of its workflow in the last 90 days. */
  lastFiredAt: string | null;
  /** `refused`: HighLevel refused it. `unconfirmed`: it may have started. `expired`: HighLevel could not be reached for three days. */
  lastError: {
    outcome: "refused" | "unconfirmed" | "expired";
    message: string | null;
    at: string;
  } | null;
  createdAt: string;
  updatedAt: string;
};

/** Every operation, by its method and path: what it takes and what it returns. */
export interface Operations {
  /** Exchange the user context of the parent frame for a token of 15 minutes. */
  'POST /api/session': {
    path: Record<never, never>;
    query: Record<never, never>;
    body: SessionWanted;
    response: Session;
  };
  /** List the agencies that have, or had, the app. */
  'GET /api/companies': {
    path: Record<never, never>;
    query: { cursor?: string; limit?: number };
    body: undefined;
    response: {
      items: Array<Company>;
      nextCursor: string | null;
    };
  };
  /** Get an agency, with the progress of its install. */
  'GET /api/companies/{companyId}': {
    path: { companyId: string };
    query: Record<never, never>;
    body: undefined;
    response: Company;
  };
  /** Uninstall the app from an agency and all of its locations. */
  'DELETE /api/companies/{companyId}': {
    path: { companyId: string };
    query: { reason?: string; confirm?: string };
    body: undefined;
    response: Company;
  };
  /** End all sessions of an agency and of its locations: tokens, live streams and user contexts. */
  'POST /api/companies/{companyId}/sessions/revoke': {
    path: { companyId: string };
    query: Record<never, never>;
    body: undefined;
    response: RevokedSessions;
  };
  /** List the locations that have, or had, the app and that the token may see (scope locations:read). */
  'GET /api/locations': {
    path: Record<never, never>;
    query: { cursor?: string; limit?: number };
    body: undefined;
    response: {
      items: Array<Location>;
      nextCursor: string | null;
    };
  };
  /** Get a location (scope locations:read). */
  'GET /api/locations/{locationId}': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: Location;
  };
  /** Uninstall the app from a location: queued messages fail, tokens and channel secrets are deleted. */
  'DELETE /api/locations/{locationId}': {
    path: { locationId: string };
    query: { reason?: string };
    body: undefined;
    response: Location;
  };
  /** End all sessions of a location: tokens, live streams and user contexts. Requires an agency’s admin or the operator. */
  'POST /api/locations/{locationId}/sessions/revoke': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: RevokedSessions;
  };
  /** Get the channel that a location has connected for a provider (scope channels:read). */
  'GET /api/locations/{locationId}/channels/{providerKey}': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: Connection;
  };
  /** Connect a channel, or change the connected one; its vendor is asked whether it accepts the config (scope channels:write). */
  'PUT /api/locations/{locationId}/channels/{providerKey}': {
    path: { locationId: string; providerKey: string };
    query: { verify?: "true" | "false" };
    body: ConnectionWanted;
    response: Connection;
  };
  /** Disconnect the channel (scope channels:write). */
  'DELETE /api/locations/{locationId}/channels/{providerKey}': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: undefined;
  };
  /** Send a test message through the channel; get the message to see its state (scope channels:write). */
  'POST /api/locations/{locationId}/channels/{providerKey}/test': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: TestWanted;
    response: TestMessage;
  };
  /** End the hold of the channel: its messages are sent. If the vendor still refuses them, it is held again (scope channels:write). */
  'POST /api/locations/{locationId}/channels/{providerKey}/resume': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: Connection;
  };
  /** Register the webhooks of the channel with its vendor again (scope channels:write). */
  'POST /api/locations/{locationId}/channels/{providerKey}/webhooks': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: WebhooksWanted;
    response: Connection;
  };
  /** Get the pairing of the channel with a device or an account (scope channels:write). */
  'GET /api/locations/{locationId}/channels/{providerKey}/pairing': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: Pairing;
  };
  /** Create a link by which one contact starts a chat with the channel, once (scope channels:write). */
  'POST /api/locations/{locationId}/channels/{providerKey}/contact-links': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: ContactLinkWanted;
    response: ContactLink;
  };
  /** List the numbers or addresses that the vendor’s account can send from (scope channels:read). */
  'GET /api/locations/{locationId}/channels/{providerKey}/senders': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<Sender>;
      nextCursor: string | null;
    };
  };
  /** List the approved templates of the vendor’s account (scope channels:read). */
  'GET /api/locations/{locationId}/channels/{providerKey}/templates': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<Template>;
      nextCursor: string | null;
    };
  };
  /** Log a call that was made or received elsewhere in the contact’s conversation (scope messages:write). */
  'POST /api/locations/{locationId}/calls': {
    path: { locationId: string };
    query: Record<never, never>;
    body: CallLog;
    response: {
      status: "stored" | "repeated";
    };
  };
  /** Add recordings to a call that was logged before (scope messages:write). */
  'POST /api/locations/{locationId}/calls/recordings': {
    path: { locationId: string };
    query: Record<never, never>;
    body: CallRecordings;
    response: undefined;
  };
  /** List the connections of a location, by provider and in their order (scope channels:read). */
  'GET /api/locations/{locationId}/connections': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<Connection>;
      nextCursor: string | null;
    };
  };
  /** Add a connection to those of a provider; its vendor is asked whether it accepts the config (scope channels:write). */
  'POST /api/locations/{locationId}/connections': {
    path: { locationId: string };
    query: { verify?: "true" | "false" };
    body: NewConnection;
    response: Connection;
  };
  /** Get a connection (scope channels:read). */
  'GET /api/connections/{connectionId}': {
    path: { connectionId: string };
    query: Record<never, never>;
    body: undefined;
    response: Connection;
  };
  /** Change the config of a connection, name it, order it, pause or resume it, or make it the default (scope channels:write). */
  'PUT /api/connections/{connectionId}': {
    path: { connectionId: string };
    query: { verify?: "true" | "false" };
    body: ConnectionChange;
    response: Connection;
  };
  /** Remove a connection; the next one in the order takes the place of the default one (scope channels:write). */
  'DELETE /api/connections/{connectionId}': {
    path: { connectionId: string };
    query: Record<never, never>;
    body: undefined;
    response: undefined;
  };
  /** List the senders of a connection with their settings and health: those of its config, of the vendor’s account and of rules (scope channels:read). */
  'GET /api/connections/{connectionId}/senders': {
    path: { connectionId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<ConnectionSender>;
      nextCursor: string | null;
    };
  };
  /** Set the rate, daily cap and hours of a sender, or pause it; without any it has those of its connection (scope channels:write). */
  'PUT /api/connections/{connectionId}/senders/{address}': {
    path: { connectionId: string; address: string };
    query: Record<never, never>;
    body: SenderSettings;
    response: undefined;
  };
  /** Get the rules by which a provider’s messages find their connection and sender (scope channels:read). */
  'GET /api/locations/{locationId}/routing/{providerKey}': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: undefined;
    response: RoutingPolicy;
  };
  /** Replace the rules by which a provider’s messages find their connection and sender (scope channels:write). */
  'PUT /api/locations/{locationId}/routing/{providerKey}': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: RoutingPolicyWanted;
    response: RoutingPolicy;
  };
  /** Find out which connection and sender a message would get, and why; sends nothing (scope channels:read). */
  'POST /api/locations/{locationId}/routing/{providerKey}/preview': {
    path: { locationId: string; providerKey: string };
    query: Record<never, never>;
    body: RoutingPreviewWanted;
    response: RoutingPreview;
  };
  /** List the messages of a location, newest first (scope messages:read). */
  'GET /api/locations/{locationId}/messages': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number; direction?: "outbound" | "inbound"; status?: "pending" | "unknown" | "delivered" | "read" | "failed"; providerKey?: string; reason?: string; since?: string; until?: string; q?: string };
    body: undefined;
    response: {
      items: Array<Message>;
      nextCursor: string | null;
    };
  };
  /** Get a message with every attempt and its timeline (scope messages:read). */
  'GET /api/messages/{id}': {
    path: { id: string };
    query: { before?: string };
    body: undefined;
    response: MessageDetail;
  };
  /** Resend a message that failed or whose outcome is unknown (scope messages:write). */
  'POST /api/messages/{id}/retry': {
    path: { id: string };
    query: Record<never, never>;
    body: undefined;
    response: MessageDetail;
  };
  /** Mark a message with an unknown outcome as sent (scope messages:write). */
  'POST /api/messages/{id}/mark-sent': {
    path: { id: string };
    query: Record<never, never>;
    body: undefined;
    response: MessageDetail;
  };
  /** List the addresses that have opted out of messages, the newest opt-out first (scope opt_outs:read). */
  'GET /api/locations/{locationId}/opt-outs': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number; state?: "open" | "lifted" | "all"; q?: string };
    body: undefined;
    response: {
      items: Array<OptOut>;
      nextCursor: string | null;
    };
  };
  /** Export the opt-outs of a location as CSV, the newest first (scope opt_outs:read). */
  'GET /api/locations/{locationId}/opt-outs/export': {
    path: { locationId: string };
    query: { state?: "open" | "lifted" | "all"; q?: string };
    body: undefined;
    response: string;
  };
  /** Opt addresses out of all messages, from CSV; rows with errors are listed, the others are stored (scope opt_outs:write). */
  'POST /api/locations/{locationId}/opt-outs/import': {
    path: { locationId: string };
    query: { reason?: string; startTriggers?: "true" | "false" };
    body: string;
    response: OptOutImport;
  };
  /** Count the messages that were not sent because of an opt-out, by day and by cause (scope opt_outs:read). */
  'GET /api/locations/{locationId}/opt-outs/refused': {
    path: { locationId: string };
    query: { days?: number };
    body: undefined;
    response: RefusedSends;
  };
  /** Opt an address out of all messages; an opt-out of the contact’s own stays as it is (scope opt_outs:write). */
  'PUT /api/locations/{locationId}/opt-outs/{address}': {
    path: { locationId: string; address: string };
    query: Record<never, never>;
    body: OptOutWanted;
    response: OptOut;
  };
  /** Lift the opt-outs of an address, after the contact has asked for messages again (scope opt_outs:write). */
  'DELETE /api/locations/{locationId}/opt-outs/{address}': {
    path: { locationId: string; address: string };
    query: Record<never, never>;
    body: OptOutWanted;
    response: undefined;
  };
  /** List the app’s triggers in the workflows of a location, with their filters and results (scope locations:read). */
  'GET /api/locations/{locationId}/workflow-triggers': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<WorkflowTrigger>;
      nextCursor: string | null;
    };
  };
  /** Show for how long a location’s messages are kept (scope privacy:read). */
  'GET /api/locations/{locationId}/retention': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      /** Messages are deleted after so many days; null: they are kept. */
      messageDays: number | null;
      /** Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept. */
      contentDays: number | null;
      /** Whether a contact that is deleted in the CRM is erased. */
      erasesDeletedContacts: boolean;
      /** With the operator’s settings: the shorter one counts. */
      effective: {
        /** Messages are deleted after so many days; null: they are kept. */
        messageDays: number | null;
        /** Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept. */
        contentDays: number | null;
      };
    };
  };
  /** Set for how long a location’s messages are kept; what is older is erased within minutes (scope privacy:write). */
  'PUT /api/locations/{locationId}/retention': {
    path: { locationId: string };
    query: Record<never, never>;
    body: RetentionPolicy;
    response: {
      /** Messages are deleted after so many days; null: they are kept. */
      messageDays: number | null;
      /** Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept. */
      contentDays: number | null;
      /** Whether a contact that is deleted in the CRM is erased. */
      erasesDeletedContacts: boolean;
      /** With the operator’s settings: the shorter one counts. */
      effective: {
        /** Messages are deleted after so many days; null: they are kept. */
        messageDays: number | null;
        /** Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept. */
        contentDays: number | null;
      };
    };
  };
  /** Export what is stored about a contact as JSON (scope privacy:write). */
  'GET /api/locations/{locationId}/contacts/{contactId}/export': {
    path: { locationId: string; contactId: string };
    query: Record<never, never>;
    body: undefined;
    response: Record<string, unknown>;
  };
  /** List the erasures of a location, the newest first (scope privacy:read). */
  'GET /api/locations/{locationId}/erasures': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number };
    body: undefined;
    response: {
      items: Array<Erasure>;
      nextCursor: string | null;
    };
  };
  /** Erase what is stored about a contact: content and addresses at once, vendors’ ids a day later (scope privacy:write). */
  'POST /api/locations/{locationId}/erasures': {
    path: { locationId: string };
    query: Record<never, never>;
    body: ErasureRequest;
    response: Erasure;
  };
  /** Show how far an erasure has come (scope privacy:read). */
  'GET /api/locations/{locationId}/erasures/{erasureId}': {
    path: { locationId: string; erasureId: string };
    query: Record<never, never>;
    body: undefined;
    response: Erasure;
  };
  /** List the dead letters: messages that failed or that wait for a decision, newest first (scope messages:read). */
  'GET /api/locations/{locationId}/dead-letters': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number; direction?: "outbound" | "inbound"; reason?: string; since?: string; until?: string };
    body: undefined;
    response: {
      items: Array<Message>;
      nextCursor: string | null;
    };
  };
  /** Redrive: resend all failed messages that match the filter (scope messages:write). */
  'POST /api/locations/{locationId}/redrives': {
    path: { locationId: string };
    query: Record<never, never>;
    body: RedriveWanted;
    response: Redrive;
  };
  /** List the redrives with their progress, newest first (scope messages:read). */
  'GET /api/locations/{locationId}/redrives': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number };
    body: undefined;
    response: {
      items: Array<Redrive>;
      nextCursor: string | null;
    };
  };
  /** List the alerts, newest first (scope locations:read). */
  'GET /api/alerts': {
    path: Record<never, never>;
    query: { cursor?: string; limit?: number; open?: "true" | "false"; kind?: "channel_failing" | "channel_held" | "channel_disconnected" | "location_silent" | "reauth_required" | "quota_low" | "queue_latency" | "signatures_invalid" | "permission_missing" | "addresses_mixed_up" | "auth_failures" | "mail_complaints" | "webhook_disabled"; locationId?: string };
    body: undefined;
    response: {
      items: Array<Alert>;
      nextCursor: string | null;
    };
  };
  /** List the audit log, newest first. */
  'GET /api/audit': {
    path: Record<never, never>;
    query: { cursor?: string; limit?: number; action?: "installed" | "uninstalled" | "disconnect_requested" | "suspended" | "reauth_required" | "reactivated" | "channel_connected" | "connection_held" | "connection_resumed" | "consent_given" | "connection_arranged" | "routing_changed" | "webhooks_registered" | "opt_out_recorded" | "opt_out_lifted" | "opt_outs_imported" | "channel_changed" | "channel_disconnected" | "message_resent" | "message_marked_sent" | "redrive_started" | "database_restored" | "retention_changed" | "erasure_requested" | "contact_erased" | "plan_changed" | "payment_status_changed" | "context_replayed" | "sessions_revoked" | "api_token_created" | "api_token_revoked" | "webhook_endpoint_added" | "webhook_endpoint_changed" | "webhook_endpoint_removed" | "webhooks_replayed" | "context_refused" | "operator_token_refused" | "metrics_token_refused" | "operator_signed_in" | "operator_sign_in_failed" | "operator_signed_out" };
    body: undefined;
    response: {
      items: Array<AuditEntry>;
      nextCursor: string | null;
    };
  };
  /** List the audit log of an agency, newest first. */
  'GET /api/companies/{companyId}/audit': {
    path: { companyId: string };
    query: { cursor?: string; limit?: number; action?: "installed" | "uninstalled" | "disconnect_requested" | "suspended" | "reauth_required" | "reactivated" | "channel_connected" | "connection_held" | "connection_resumed" | "consent_given" | "connection_arranged" | "routing_changed" | "webhooks_registered" | "opt_out_recorded" | "opt_out_lifted" | "opt_outs_imported" | "channel_changed" | "channel_disconnected" | "message_resent" | "message_marked_sent" | "redrive_started" | "database_restored" | "retention_changed" | "erasure_requested" | "contact_erased" | "plan_changed" | "payment_status_changed" | "context_replayed" | "sessions_revoked" | "api_token_created" | "api_token_revoked" | "webhook_endpoint_added" | "webhook_endpoint_changed" | "webhook_endpoint_removed" | "webhooks_replayed" | "context_refused" | "operator_token_refused" | "metrics_token_refused" | "operator_signed_in" | "operator_sign_in_failed" | "operator_signed_out" };
    body: undefined;
    response: {
      items: Array<AuditEntry>;
      nextCursor: string | null;
    };
  };
  /** List the audit log of a location, newest first (scope locations:read). */
  'GET /api/locations/{locationId}/audit': {
    path: { locationId: string };
    query: { cursor?: string; limit?: number; action?: "installed" | "uninstalled" | "disconnect_requested" | "suspended" | "reauth_required" | "reactivated" | "channel_connected" | "connection_held" | "connection_resumed" | "consent_given" | "connection_arranged" | "routing_changed" | "webhooks_registered" | "opt_out_recorded" | "opt_out_lifted" | "opt_outs_imported" | "channel_changed" | "channel_disconnected" | "message_resent" | "message_marked_sent" | "redrive_started" | "database_restored" | "retention_changed" | "erasure_requested" | "contact_erased" | "plan_changed" | "payment_status_changed" | "context_replayed" | "sessions_revoked" | "api_token_created" | "api_token_revoked" | "webhook_endpoint_added" | "webhook_endpoint_changed" | "webhook_endpoint_removed" | "webhooks_replayed" | "context_refused" | "operator_token_refused" | "metrics_token_refused" | "operator_signed_in" | "operator_sign_in_failed" | "operator_signed_out" };
    body: undefined;
    response: {
      items: Array<AuditEntry>;
      nextCursor: string | null;
    };
  };
  /** List the API tokens of a location, the newest first. */
  'GET /api/locations/{locationId}/tokens': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<ApiToken>;
      nextCursor: string | null;
    };
  };
  /** Create an API token for a location; the response is the only time at which it is shown. */
  'POST /api/locations/{locationId}/tokens': {
    path: { locationId: string };
    query: Record<never, never>;
    body: {
      name: string;
      scopes: Array<"messages:read" | "messages:write" | "channels:read" | "channels:write" | "opt_outs:read" | "opt_outs:write" | "privacy:read" | "privacy:write" | "webhooks:read" | "webhooks:write" | "locations:read">;
      expiresInDays: number;
    };
    response: CreatedApiToken;
  };
  /** Revoke an API token. */
  'DELETE /api/locations/{locationId}/tokens/{tokenId}': {
    path: { locationId: string; tokenId: string };
    query: Record<never, never>;
    body: undefined;
    response: undefined;
  };
  /** List the webhook endpoints of a location (scope webhooks:read). */
  'GET /api/locations/{locationId}/webhooks': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      items: Array<WebhookEndpoint>;
      nextCursor: string | null;
    };
  };
  /** Add a webhook endpoint; the response is the only time at which its secret is shown (scope webhooks:write). */
  'POST /api/locations/{locationId}/webhooks': {
    path: { locationId: string };
    query: Record<never, never>;
    body: {
      url: string;
      eventTypes: Array<"message.accepted" | "message.delivered" | "message.read" | "message.failed" | "message.received" | "opt_out.created" | "opt_out.removed" | "channel.held" | "channel.resumed" | "alert.triggered" | "alert.resolved">;
      description?: string | null;
    };
    response: WebhookEndpointWithSecret;
  };
  /** Get a webhook endpoint (scope webhooks:read). */
  'GET /api/locations/{locationId}/webhooks/{webhookId}': {
    path: { locationId: string; webhookId: string };
    query: Record<never, never>;
    body: undefined;
    response: WebhookEndpoint;
  };
  /** Change a webhook endpoint, disable or enable it, or rotate its secret (scope webhooks:write). */
  'PUT /api/locations/{locationId}/webhooks/{webhookId}': {
    path: { locationId: string; webhookId: string };
    query: Record<never, never>;
    body: {
      url: string;
      eventTypes: Array<"message.accepted" | "message.delivered" | "message.read" | "message.failed" | "message.received" | "opt_out.created" | "opt_out.removed" | "channel.held" | "channel.resumed" | "alert.triggered" | "alert.resolved">;
      description?: string | null;
      /** Enabling clears its failures. */
      isEnabled?: boolean;
      /** Makes a new secret; the one before is valid for another day. */
      rotateSecret?: boolean;
    };
    response: WebhookEndpointWithSecret;
  };
  /** Remove a webhook endpoint (scope webhooks:write). */
  'DELETE /api/locations/{locationId}/webhooks/{webhookId}': {
    path: { locationId: string; webhookId: string };
    query: Record<never, never>;
    body: undefined;
    response: undefined;
  };
  /** List the attempts to send events to a webhook endpoint, the newest first (scope webhooks:read). */
  'GET /api/locations/{locationId}/webhooks/{webhookId}/attempts': {
    path: { locationId: string; webhookId: string };
    query: { cursor?: string; limit?: number; failed?: "true" | "false" };
    body: undefined;
    response: {
      items: Array<WebhookAttempt>;
      nextCursor: string | null;
    };
  };
  /** Send one event again, or all failed ones since a time, under their own ids (scope webhooks:write). */
  'POST /api/locations/{locationId}/webhooks/{webhookId}/replay': {
    path: { locationId: string; webhookId: string };
    query: Record<never, never>;
    body: {
      /** Sends this one again. */
      eventId?: string;
      /** Sends all failed ones since then again, 10,000 at a time. */
      since?: string;
    };
    response: {
      count: number;
    };
  };
  /** Send an event of the type webhook.test; the attempts show its response (scope webhooks:write). */
  'POST /api/locations/{locationId}/webhooks/{webhookId}/test': {
    path: { locationId: string; webhookId: string };
    query: Record<never, never>;
    body: undefined;
    response: {
      eventId: string;
    };
  };
  /** List the signed webhooks of an unknown kind, newest first. */
  'GET /api/unknown-webhooks': {
    path: Record<never, never>;
    query: { cursor?: string; limit?: number };
    body: undefined;
    response: {
      items: Array<UnknownWebhook>;
      nextCursor: string | null;
    };
  };
  /** Get the totals: locations, the last day’s messages, queues (scope locations:read). */
  'GET /api/overview': {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    response: Overview;
  };
  /** Check the whole program: settings, database, address, keys, providers, storage, mail, webhooks at each address. */
  'GET /api/check': {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    response: Checks;
  };
  /** Check the connection of a location: token, scopes, provider access, channels, webhooks (scope locations:read). */
  'GET /api/locations/{locationId}/check': {
    path: { locationId: string };
    query: Record<never, never>;
    body: undefined;
    response: Checks;
  };
}

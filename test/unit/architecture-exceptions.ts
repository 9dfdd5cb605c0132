/** Owner of each table, by the model's name in `schema.prisma`. */
export const tableOwners: Record<string, readonly string[]> = {
  alerts: ['Alert', 'AlertNotification', 'SignatureFailure', 'AuthFailure'],
  audit: ['AuditEntry'],
  connections: ['Connection', 'OauthGrant'],
  database: ['PeriodicTask', 'UsedOauthState'],
  http: ['Session'],
  installations: [
    'Installation',
    'AppEvent',
    'PermissionProblem',
    'SeenUserContext',
    'SessionRevocation',
    'KeyFingerprint',
    'WebhookActivity',
  ],
  messages: [
    'Message',
    'Attempt',
    'ExternalId',
    'Receipt',
    'ReportAttempt',
    'ContactAddress',
    'VendorAddress',
    'ContactLink',
    'OptOut',
    'InboundType',
    'Attachment',
    'Redrive',
    'UnknownWebhook',
    'DailyActivity',
    'DailyStats',
  ],
  outbox: ['TriggerSubscription', 'TriggerEvent'],
  queue: ['Job', 'Worker', 'RateLimitRow'],
  workflows: ['WorkflowSend', 'WorkflowPause'],
};

/** Files that name a table of another folder, with the reason. The list may only shrink: an entry that is no longer needed fails. */
export const foreignTables: readonly { reason: string; files: Record<string, readonly string[]> }[] = [
  {
    reason: 'A rule is one statement over all tables that it judges.',
    files: {
      'alerts/rules/auth-failures.ts': ['AuditEntry'],
      'alerts/rules/channel-disconnected.ts': ['Connection', 'Installation', 'Message'],
      'alerts/rules/channel-failing.ts': ['Attempt', 'Connection', 'Installation'],
      'alerts/rules/connection-held.ts': ['Connection', 'Installation'],
      'alerts/rules/location-silent.ts': ['DailyActivity', 'Installation', 'Message'],
      'alerts/rules/quota-low.ts': ['Installation', 'RateLimitRow'],
    },
  },
  {
    reason: 'A page or an endpoint lists rows by a filter that comes from the caller’s access.',
    files: {
      'http/admin/pages/agencies.ts': ['Installation'],
      'http/admin/pages/audit.ts': ['AuditEntry'],
      'http/admin/pages/locations.ts': ['Connection', 'Installation'],
      'http/admin/pages/system.ts': ['Alert', 'Installation'],
      'http/admin/pages/tenants.ts': ['Installation'],
      'http/admin/pages/unknown-webhooks.ts': ['UnknownWebhook'],
      'http/api/alerts.ts': ['Installation'],
      'http/api/audit.ts': ['AuditEntry'],
      'http/api/companies.ts': ['Installation'],
      'http/api/locations.ts': ['Connection', 'Installation'],
      'http/api/messages.ts': ['Connection'],
      'http/api/overview.ts': ['Installation', 'Message'],
      'http/attachments.ts': ['Attachment', 'Message'],
      'http/auth/access.ts': ['Installation', 'Message'],
      'http/embed.ts': ['Installation'],
      'http/health.ts': ['Installation'],
      'http/install-progress.ts': ['Installation'],
      'http/pages/alerts/list.ts': ['Alert', 'Installation'],
      'http/pages/channels/status.ts': ['Alert', 'Attempt', 'Connection', 'RateLimitRow'],
      'http/pages/channels/test-progress.ts': ['Message'],
      'http/pages/locations/home.ts': ['Installation'],
      'http/pages/locations/rows.ts': ['Installation'],
      'http/pages/messages/list.ts': ['Installation', 'Message'],
      'http/pages/messages/message.ts': ['Message'],
      'http/pages/messages/rows.ts': ['Connection', 'Installation'],
      'http/pages/overview/overview.ts': ['Alert', 'Connection', 'Installation'],
    },
  },
  {
    reason: 'The connection check reads what was observed and makes no call.',
    files: {
      'checks/run-checks.ts': ['Connection', 'Installation', 'PermissionProblem', 'RateLimitRow'],
    },
  },
  {
    reason: 'A migration waits for workers of older versions before it starts, below the queue.',
    files: {
      'database/older-workers.ts': ['Worker'],
    },
  },
  {
    reason: 'Deletes expired rows in one place.',
    files: {
      'worker/cleanup.ts': ['Alert', 'AppEvent', 'ContactLink', 'RateLimitRow', 'Receipt', 'SeenUserContext', 'Session'],
    },
  },
  {
    reason: 'Restores the limits of connections in batches.',
    files: {
      'connections/limits.ts': ['RateLimitRow'],
    },
  },
  {
    reason: 'A statement of the send path or a roll-up joins the table: two statements would cost a round trip a message.',
    files: {
      'messages/log/search-sql.ts': ['Connection', 'Installation'],
      'messages/log/wait-reasons.ts': ['RateLimitRow'],
      'messages/outbound/attempts.ts': ['Job'],
      'messages/outbound/receive.ts': ['WorkflowSend'],
      'messages/outbound/send-limits.ts': ['RateLimitRow'],
      'outbox/purge.ts': ['Installation'],
      'outbox/trigger-events.ts': ['Message'],
      'messages/settlement/settle-sql.ts': ['WorkflowPause'],
      'messages/recovery/location-lifecycle.ts': ['Connection', 'Installation'],
      'messages/stats/active-days.ts': ['Installation', 'PeriodicTask'],
      'messages/stats/rollup.ts': ['Installation'],
    },
  },
];

/** Members of a `...Deps` type that its own file does not use, because it passes the whole object on. The list may only shrink. */
export const passedOnDeps: readonly string[] = [
  'http/admin/pages/keys.ts: KeysPageDeps.box',
  'http/admin/pages/keys.ts: KeysPageDeps.db',
  'http/admin/pages/registry.ts: AdminPageDeps.appUrl',
  'http/admin/pages/system.ts: SystemPageDeps.box',
  'http/admin/sign-in.ts: SignInDeps.newId',
  'http/pages/channels/providers.ts: ChannelPageDeps.clock',
  'http/pages/channels/providers.ts: ChannelPageDeps.db',
  'http/pages/channels/providers.ts: ChannelPageDeps.examples',
  'http/pages/channels/providers.ts: ChannelPageDeps.messaging',
  'http/pages/channels/providers.ts: ChannelPageDeps.random',
  'http/pages/messages/list.ts: LogPageDeps.clock',
  'sandbox/ui/router.ts: UiDeps.appUrl',
];

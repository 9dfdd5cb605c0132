/** One line of the connection check: something that must be right for messages to go both ways. */
export interface Check {
  /** Names it for programs, such as `token` or `webhooks:providers/sms`. */
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** Which sentence says how it stands; pages have the same in every language. */
  readonly messageKey: CheckMessageKey;
  /** What stands in the sentences. */
  readonly values: Record<string, string>;
  /** What to do, where something is to be done. */
  readonly fix: Fix | null;
}

/** How something stands, in English. */
export const checkMessages = {
  token_good: 'HighLevel’s access token is good until {until}.',
  token_refreshing: 'The access token is over and is being refreshed.',
  suspended: 'HighLevel says that this location is not active. Messages wait.',
  reauth_required: 'HighLevel no longer accepts the installation. Messages wait.',
  pending: 'The installation is being set up.',
  uninstalled: 'The app is not installed here any more.',
  scopes_granted: 'All {count} scopes that the app needs are granted.',
  scopes_missing: 'Scopes are missing: {scopes}.',
  scopes_optional: 'Scopes that make the app better are not granted: {scopes}.',
  provider_open: 'HighLevel takes calls for the provider “{provider}”.',
  refused: '{message}',
  channel_connected: 'A channel ({type}) is connected for the provider “{provider}”.',
  channel_missing: 'No channel is connected for the provider “{provider}”.',
  webhook_seen: 'A webhook with a right signature last came {at} ({address}).',
  webhook_never: 'No webhook has come yet ({address}).',
  webhook_invalid: 'The last webhook, {at}, had a wrong signature ({address}).',
  webhook_misplaced: 'What came {at} belongs to another address: {what} ({address}).',
  calls_paused: 'Calls to HighLevel are paused: {reason}',
  calls_open: 'HighLevel answers.',
  keys_set: 'The app’s client id and secret are set.',
  providers_set: 'Providers are configured: {providers}.',
  providers_none: 'No provider is configured.',
  secrets_set: 'The shared secret for user contexts is set.',
  secrets_none: 'No shared secret is set: the page inside HighLevel can’t tell who looks.',
  database_writable: 'The database answers and takes writes.',
  database_read_only: 'The database is read-only.',
  reconnects: '{count} installations must be installed again.',
  installations_good: 'No installation must be installed again.',
} as const satisfies Record<string, string>;

export type CheckMessageKey = keyof typeof checkMessages;

/** What to do, in English. */
export const checkFixes = {
  reinstall: 'Install the app here again.',
  activate: 'Activate the location in HighLevel; nothing has to be done here.',
  add_scopes: 'Add the scopes to the app in the developer portal, publish that version, and install or update the app here.',
  connect: 'Connect a channel for this provider on the Channels page.',
  portal_address: 'Enter this address in the developer portal, and send a message or install the app to try it.',
  vendor_address: 'Enter this address at the vendor or gateway, and let it send something.',
  signature_key: 'Check HIGHLEVEL_WEBHOOK_PUBLIC_KEYS, and whether a proxy changes bodies on their way.',
  vendor_secret: 'Check that both sides have the same secret.',
  mixed_up: 'Swap the addresses in the developer portal as the alert says.',
  set_providers: 'Set HIGHLEVEL_PROVIDERS to the ids of the app’s conversation providers and restart.',
  set_shared_secret: 'Set HIGHLEVEL_SHARED_SECRETS from the app’s page in the developer portal and restart.',
  database: 'Look at the database server: a failover may be under way.',
  see_alerts: 'See the alerts.',
} as const satisfies Record<string, string>;

export type Fix = keyof typeof checkFixes;

/** Fills `{name}` in a sentence. */
export function fillPlaceholders(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** Makes a line of the check. */
export function toCheck(
  name: string,
  status: Check['status'],
  messageKey: CheckMessageKey,
  values: Record<string, string> = {},
  fix: Fix | null = null,
): Check {
  return { name, status, messageKey, values, fix };
}

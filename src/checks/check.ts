/** One line of the connection check: a condition for messages to pass in both directions. */
export interface Check {
  /** Name for programs, such as `token` or `webhooks:providers/sms`. */
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** Key of the sentence about the result; pages have the same keys in every language. */
  readonly messageKey: CheckMessageKey;
  /** Values of the sentence's placeholders. */
  readonly values: Record<string, string>;
  /** Key of the remedy, where there is one. */
  readonly fix: Fix | null;
}

/** Results of checks, in English. */
export const checkMessages = {
  token_good: 'The HighLevel access token is valid until {until}.',
  token_refreshing: 'The access token has expired and is being refreshed.',
  suspended: 'HighLevel reports that this location is not active. Messages wait.',
  reauth_required: 'HighLevel no longer accepts the installation. Messages wait.',
  pending: 'The installation is being set up.',
  uninstalled: 'The app is no longer installed here.',
  scopes_granted: 'All {count} scopes that the app needs are granted.',
  scopes_missing: 'Scopes are missing: {scopes}.',
  scopes_optional: 'Optional scopes are not granted: {scopes}.',
  provider_open: 'HighLevel accepts calls for the provider “{provider}”.',
  refused: '{message}',
  channel_connected: 'A channel ({type}) is connected for the provider “{provider}”.',
  channel_held: 'The channel ({type}) for the provider “{provider}” is on hold, and its messages wait: {reason}',
  channel_pairing: 'The channel ({type}) for the provider “{provider}” waits to be paired, and its messages wait.',
  webhooks_taken: 'Another program receives the webhooks of the channel for the provider “{provider}”: {details}',
  webhooks_failed: 'The webhooks of the channel for the provider “{provider}” could not be registered: {details}',
  channel_missing: 'No channel is connected for the provider “{provider}”.',
  webhook_seen: 'The last webhook with a valid signature arrived {at} ({address}).',
  webhook_never: 'No webhook has arrived yet ({address}).',
  webhook_invalid: 'The last webhook, {at}, had an invalid signature ({address}).',
  webhook_misplaced: 'A webhook that arrived {at} belongs to another address: {what} ({address}).',
  calls_paused: 'Calls to HighLevel are paused: {reason}',
  calls_open: 'HighLevel responds.',
  keys_set: 'The app’s client id and secret are set.',
  providers_set: 'Providers are configured: {providers}.',
  providers_none: 'No provider is configured.',
  secrets_set: 'The shared secret for user contexts is set.',
  secrets_none: 'No shared secret is set: the page inside HighLevel can’t identify its user.',
  database_writable: 'The database accepts writes.',
  database_read_only: 'The database is read-only.',
  reconnects: '{count} installations must be reconnected.',
  installations_good: 'No installation must be reconnected.',
} as const satisfies Record<string, string>;

export type CheckMessageKey = keyof typeof checkMessages;

/** Remedies, in English. */
export const checkFixes = {
  reinstall: 'Install the app here again.',
  activate: 'Activate the location in HighLevel; this app needs no change.',
  add_scopes: 'Add the scopes to the app in the developer portal, publish that version, and install or update the app here.',
  connect: 'Connect a channel for this provider on the Channels page.',
  repair_account: 'Repair the account at the vendor, or edit the connection on the Channels page.',
  pair: 'Open the channel and pair the device.',
  replace_webhooks: 'Open the channel and replace the address, if that program no longer needs it.',
  portal_address: 'Enter this address in the developer portal, then send a message or install the app to test it.',
  vendor_address: 'Enter this address at the vendor or gateway, then have it send a webhook.',
  signature_key: 'Check HIGHLEVEL_WEBHOOK_PUBLIC_KEYS, and whether a proxy changes bodies in transit.',
  vendor_secret: 'Check that both sides have the same secret.',
  mixed_up: 'Swap the addresses in the developer portal as the alert says.',
  set_providers: 'Set HIGHLEVEL_PROVIDERS to the ids of the app’s conversation providers and restart.',
  set_shared_secret: 'Set HIGHLEVEL_SHARED_SECRETS from the app’s page in the developer portal and restart.',
  database: 'Check the database server: a failover may be in progress.',
  see_alerts: 'See the alerts.',
} as const satisfies Record<string, string>;

export type Fix = keyof typeof checkFixes;

/** Fills `{name}` in a sentence. */
export function fillPlaceholders(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** Creates a line of the check. */
export function toCheck(
  name: string,
  status: Check['status'],
  messageKey: CheckMessageKey,
  values: Record<string, string> = {},
  fix: Fix | null = null,
): Check {
  return { name, status, messageKey, values, fix };
}

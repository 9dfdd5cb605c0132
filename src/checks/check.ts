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
  scopes_granted: 'All scopes that the app needs are granted ({count}).',
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
  providers_set: 'Providers are configured: {providers}.',
  providers_none: 'No provider is configured.',
  secrets_set: 'The shared secret for user contexts is set.',
  secrets_none: 'No shared secret is set: the page inside HighLevel can’t identify its user.',
  database_writable: 'The database accepts writes.',
  database_read_only: 'The database is read-only.',
  reconnects: 'Installations that must be reconnected: {count}.',
  installations_good: 'No installation must be reconnected.',
  scopes_set: 'The requested scopes ({count}) contain all that the app needs.',
  keys_accepted: 'HighLevel responds and does not refuse the app’s client id and secret.',
  keys_refused: 'HighLevel does not accept the app’s client id and secret: {message}',
  keys_unknown: 'HighLevel could not check the app’s keys now (HTTP {status}).',
  keys_simulated: 'Sandbox mode: HighLevel is simulated, and the app needs no keys.',
  highlevel_unreachable: 'HighLevel does not respond: {message}',
  providers_malformed: 'These ids are not as HighLevel writes them: {providers}.',
  webhook_keys_set: 'Public keys that verify HighLevel’s webhooks: {count}.',
  webhook_keys_other: 'HighLevel’s published key is not among the public keys that verify its webhooks ({count}).',
  database_unreachable: 'The database server can’t be used: {message}',
  database_embedded: 'The embedded database is used (PostgreSQL {version}), by one process.',
  database_new: 'The embedded database is created at the first start.',
  database_version: 'The server is PostgreSQL {version}.',
  database_old: 'The server is PostgreSQL {version}; at least {minimum} is needed.',
  database_rights: 'The database user may create and change the program’s tables.',
  database_no_rights: 'The database user may not create tables.',
  database_foreign_tables: 'Tables of another user, which a later version can’t change: {count}.',
  database_defaults: 'Commits are forced to the disk, in sessions with the right defaults.',
  database_no_fsync: 'The server does not force commits to the disk (fsync is off): a crash loses acknowledged messages.',
  database_defaults_wrong: 'Sessions behind the pooler have defaults that the program can’t work with: {settings}.',
  database_latency: 'A round trip to the database takes {ms} ms.',
  clock_skew: 'The clocks of this machine and of the database differ by {ms} ms.',
  pooler_none: 'No pooler stands before the database.',
  pooler_session: 'A pooler in session mode stands before the database.',
  pooler_transaction: 'A pooler in transaction mode stands before the database.',
  pooler_without_direct:
    'A pooler in transaction mode stands before the database and carries no notifications: work is found by polling.',
  pooler_statement: 'A pooler in statement mode stands before the database: the program needs transactions.',
  direct_good: 'The direct address leads past the pooler.',
  direct_pooled: 'The direct address leads through a pooler.',
  direct_other: 'The direct address leads to another database.',
  direct_unreachable: 'The direct address of the database can’t be used: {message}',
  database_connections: '{used} of {max} connections of the database server are in use.',
  database_empty: 'The database is empty: the first start creates the tables.',
  migrations_good: 'The tables are those of this version.',
  migrations_missing: 'Migrations that the next start applies: {count}.',
  address_responds: 'The program responds at {address}.',
  address_wrong: 'Another program responds at {address} (HTTP {status}).',
  address_unreachable: 'The program runs, and {address} does not lead to it: {message}',
  program_stopped: 'No program responds at {address}.',
  address_local: '{address} is an address of this machine or network: HighLevel and vendors can’t reach it.',
  outside_reached: 'The address was reached from outside {at}, by a webhook with a valid signature.',
  outside_unknown: 'Whether {address} can be reached from outside is not known: no webhook has arrived yet.',
  tls_good: 'The certificate of the address is valid until {until}.',
  tls_ending: 'The certificate of the address is only valid until {until}.',
  tls_failed: 'The certificate of the address is not valid: {message}',
  tls_missing: '{address} is not encrypted.',
  disk_good: 'The disk of {path} has {free} MB free.',
  disk_full: 'The disk of {path} has only {free} MB free, less than {minimum} MB: messages with files wait.',
  disk_failed: '{path} can’t be written: {message}',
  bucket_none: 'Files are stored in the folder for data, as no bucket is set.',
  bucket_good: 'The bucket stores, returns and removes files.',
  bucket_failed: 'The bucket can’t be used: {message}',
  mail_none: 'No mail server is set: alerts are not sent by email.',
  mail_good: 'The mail server for alerts accepts a session.',
  mail_failed: 'The mail server for alerts can’t be used: {message}',
  installations_scopes: 'Locations that have granted fewer scopes than the app needs: {count}.',
  setting: '{message}',
  settings_good: 'The settings are valid.',
  program_asked: 'A running program was asked: the embedded database takes one process.',
  program_silent: 'A program uses the embedded database, and could not be asked: {message}',
  checks_skipped: 'Other checks need valid settings and were left out.',
  records_skipped: 'Installations and webhooks were not checked: that needs the database, with the tables of this version.',
  check_broken: 'This check did not work: {message}',
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
  set_keys: 'Copy HIGHLEVEL_CLIENT_ID and HIGHLEVEL_CLIENT_SECRET from the app’s page in the developer portal and restart.',
  set_scopes: 'Add the scopes to HIGHLEVEL_SCOPES, or remove that setting, and restart.',
  check_again: 'Check again in a minute.',
  highlevel_reach:
    'Check that this machine may call HIGHLEVEL_API_URL (DNS, firewall), and whether HighLevel reports an incident.',
  published_key: 'Remove HIGHLEVEL_WEBHOOK_PUBLIC_KEYS, or add HighLevel’s published key to it.',
  database_reach: 'Check DATABASE_URL, and that the server runs and accepts this program’s user.',
  upgrade_database: 'Upgrade the PostgreSQL server.',
  grant_rights: 'Make the program’s user the owner of its database, schema and tables.',
  set_fsync: 'Set fsync to on in the server’s configuration.',
  set_defaults:
    'Set synchronous_commit to on and default_transaction_isolation to read committed for the program’s user (ALTER ROLE).',
  database_near: 'Run the program close to its database, in the same data centre.',
  sync_clocks: 'Keep both clocks in step with NTP.',
  pooler_mode: 'Set the pooler to transaction or session mode.',
  set_direct_url: 'Set DATABASE_DIRECT_URL to an address past the pooler.',
  direct_address: 'Correct DATABASE_DIRECT_URL: the same database, past the pooler.',
  add_connections: 'Raise max_connections, or put a pooler before the database.',
  right_version: 'Start the version that the message names.',
  start_program: 'Start the program, then check again.',
  see_program: 'Stop that process, or check again when it responds.',
  proxy: 'Check APP_URL, its DNS record, and that the proxy passes all paths to this program.',
  set_app_url: 'Set APP_URL to a public https address.',
  use_https: 'Put a proxy with a certificate before the program, and set APP_URL to its https address.',
  renew_certificate: 'Renew the certificate at the proxy, for this host name, with its chain.',
  free_disk: 'Free space on the disk, or lower ATTACHMENT_MIN_FREE_MEGABYTES.',
  data_dir: 'Let the program’s user write in DATA_DIR.',
  set_bucket: 'Check the ATTACHMENT_S3 settings, and that the key may put, get and delete objects.',
  set_mail: 'Check SMTP_URL: host, port, user and password.',
  correct_setting: 'Correct it in the environment or in .env; see .env.example.',
} as const satisfies Record<string, string>;

export type Fix = keyof typeof checkFixes;

/** Fills `{name}` in a sentence. */
function fillPlaceholders(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** Returns a line in English, for programs and terminals. */
export function toEnglishCheck({ name, status, messageKey, values, fix }: Check) {
  return {
    name,
    status,
    message: fillPlaceholders(checkMessages[messageKey], values),
    ...(fix ? { fix: checkFixes[fix] } : {}),
  };
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

/**
 * Tests run on the embedded database and once more on PostgreSQL, when there is one (`TEST_DATABASE_URL`). What has nothing to learn from
 * a second database runs once: where no database counts, on the embedded one; what asks HighLevel more than the database, on PostgreSQL.
 */
const onPostgres = process.env.TEST_DATABASE === 'postgres';
const onBoth = onPostgres || Boolean(process.env.TEST_DATABASE_URL);

const onlyEmbedded = [
  ...['alerts', 'attachments', 'browser', 'channels', 'deploy', 'examples', 'fuzz', 'highlevel', 'http'],
  ...['messages/(inbound|log|stats)', 'pages', 'processes/(channel-packages|gateway-examples|data-folder|refresh-crash|start)'],
  ...['sandbox', 'unit', 'webhooks'],
];
const onlyPostgres = [
  'postgres',
  ...(onBoth
    ? [
        'connections',
        'installations',
        'messages/(batching|opt-outs|outbound|recovery|reporting)',
        'outgoing-webhooks',
        'queue',
        'processes/(operator-walk|transfer|faults|upgrade|workflow-crash)',
        'workflows',
      ]
    : []),
];
/**
 * Too slow for every run: `npm run test:walk` walks through the wizard of each channel, the routing and the opt-outs in a browser,
 * `npm run test:mail` tests mailboxes alone, `npm run test:image` builds the image's file system and starts a Prometheus, `npm run test:hosts` makes
 * hosts of its own, `npm run test:slow` and, on a server, `npm run test:slow-postgres` test the rest.
 */
const slow = [
  'browser/(agency|channels|embedded|messages|operator|overview)',
  'highlevel/(html-responses|refused-calls)',
  'messages/inbound/(highlevel-failures|slow-files)',
  'postgres/(agency|burst|failover|rolling-update|smpp-takeover|telemetry)',
  'processes/(data-folder|refresh-crash|transfer)',
  'webhooks/large-webhooks',
];
const apart = process.env.TEST_APART
  ? []
  : ['browser/(channels|routing|smpp)-newcomer', 'channels/email-(crash|servers)', 'deploy', 'hosts', ...slow];

export default {
  displayName: onPostgres ? 'postgres' : 'embedded',
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/examples/**/*.test.ts'],
  testPathIgnorePatterns: [...(onPostgres ? onlyEmbedded : onlyPostgres), ...apart].map(
    (path) => `<rootDir>/(test/)?${path}\\b`,
  ),
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 120_000,
  maxWorkers: 2,
  // Jest keeps the modules of each file that it has run, and collecting the garbage of gigabytes takes a fifth of the time.
  workerIdleMemoryLimit: '1GB',
};

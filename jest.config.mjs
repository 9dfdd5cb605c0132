/** Tests run once on the embedded database and once more on PostgreSQL, when there is one (`TEST_DATABASE_URL`). */
const onPostgres = process.env.TEST_DATABASE === 'postgres';

export default {
  displayName: onPostgres ? 'postgres' : 'embedded',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // What touches no database has nothing to learn from a second one, and some tests need a server that takes several processes.
  testPathIgnorePatterns: (onPostgres ? ['unit', 'channels', 'sandbox', 'browser'] : ['postgres']).map(
    (folder) => `<rootDir>/test/${folder}/`,
  ),
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript', explicitResourceManagement: true }, target: 'es2022' },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 120_000,
  maxWorkers: 2,
};

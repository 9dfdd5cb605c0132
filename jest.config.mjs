/** Tests run once on the embedded database and once more on PostgreSQL, when there is one (`TEST_DATABASE_URL`). */
const onPostgres = process.env.TEST_DATABASE === 'postgres';

export default {
  displayName: onPostgres ? 'postgres' : 'embedded',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // What touches no database has nothing to learn from a second one.
  testPathIgnorePatterns: onPostgres
    ? ['<rootDir>/test/unit/', '<rootDir>/test/channels/', '<rootDir>/test/sandbox/', '<rootDir>/test/browser/']
    : [],
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
  testTimeout: 30_000,
  maxWorkers: 2,
};

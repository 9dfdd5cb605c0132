import { TestEnvironment } from 'jest-environment-node';
import { acquireEmbedded, beginFile, endFile, releaseEmbedded } from './embedded-pool.mjs';

/** Databases of a server that the tests of this process have left as they found them, empty: a new one takes longer than many a test. */
const spareDatabases = [];

/** Where tests run: Node, with what outlives a file of tests, and with both errors of a test that failed twice. */
export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    beginFile();
    // The embedded databases live outside of this realm, and their times are dates all the same.
    this.global.Date = Date;
    this.global.spareDatabases = spareDatabases;
    this.global.embeddedPool = { acquireEmbedded, releaseEmbedded };
  }

  async teardown() {
    endFile();
    await super.teardown();
  }

  /** A test may fail, and fail again while it leaves its world; by itself, Jest shows neither error. */
  handleTestEvent(event) {
    if (event.name !== 'test_fn_failure') return;
    event.test.errors = event.test.errors.flatMap((failure) => {
      const [error, asyncError] = [failure].flat();
      return bothErrors(error).map((one) => [one, asyncError]);
    });
  }
}

function bothErrors(error) {
  if (error?.name !== 'SuppressedError') return [error];
  return [...bothErrors(error.suppressed), ...bothErrors(error.error)];
}

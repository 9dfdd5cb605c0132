import type { State } from '../../src/sandbox/highlevel/state.ts';
import type { createTestDatabase } from './databases.ts';

/** State that an earlier run has left: its database, HighLevel's and the gateway's. */
export interface EarlierState {
  /** Time of the newest row. */
  leftAt: string;
  gatewaySecret: string;
  highlevel: State;
  createDatabase(gateway: { url: string }): ReturnType<typeof createTestDatabase>;
}

import type { Axios } from 'axios';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';

/** What each simulated vendor of the phone is created from. */
export interface CarrierSetup<State> {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  /** Address of the simulator's router. */
  getUrl: () => string;
  state: State | undefined;
  onChange: () => void;
}

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { createState, type State } from './highlevel/state.ts';
import type { PhoneState } from './phone.ts';

/** What sandbox mode keeps over a restart: without it the app would hold tokens that the simulated HighLevel no longer knows. */
export interface SandboxState {
  /** Base64 of the signing key's seed. */
  seed: string;
  phoneSecret: string;
  sharedSecret?: string;
  highLevel: State;
  phone: PhoneState;
}

const writeDelayMs = 100;

/** Reads what an earlier run left. */
export function readState(file: string | undefined): SandboxState | undefined {
  if (!file || !existsSync(file)) return undefined;
  const saved: SandboxState = JSON.parse(readFileSync(file, 'utf8'));
  // An older version knew fewer things.
  return { ...saved, highLevel: createState(saved.highLevel) };
}

/** @returns asks for the state to be written soon; many changes are one write. `write` writes at once */
export function createStateWriter(clock: Clock, file: string | undefined, state: () => SandboxState) {
  let isScheduled = false;
  const write = () => {
    isScheduled = false;
    if (!file) return;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Renaming is one step: a process killed while it writes leaves the old file whole.
    writeFileSync(`${file}.new`, JSON.stringify(state()), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return {
    now: write,
    schedule() {
      if (isScheduled) return;
      isScheduled = true;
      clock.setTimeout(write, writeDelayMs);
    },
  };
}

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { createState, type State } from './highlevel/state.ts';
import type { PhoneState } from './phone.ts';
import type { AndroidState } from './vendors/android-sms-gateway/state.ts';
import type { EvolutionVendorState } from './vendors/evolution/state.ts';
import type { MailboxState } from './vendors/mailbox/state.ts';
import type { MailgunState } from './vendors/mailgun/state.ts';
import type { ResendState } from './vendors/resend/state.ts';
import type { SmscState } from './vendors/smpp/state.ts';
import type { TelegramVendorState } from './vendors/telegram/state.ts';
import type { TelnyxState } from './vendors/telnyx/state.ts';
import type { TwilioState } from './vendors/twilio/state.ts';
import type { WahaVendorState } from './vendors/waha/state.ts';
import type { WhatsAppVendorState } from './vendors/whatsapp-cloud/state.ts';

/** State of sandbox mode that survives a restart: without it the app would hold tokens that the simulated HighLevel no longer knows. */
export interface SandboxState {
  /** Base64 of the signing key's seed. */
  seed: string;
  phoneSecret: string;
  sharedSecret?: string;
  highLevel: State;
  phone: PhoneState;
  twilio?: TwilioState;
  telnyx?: TelnyxState;
  android?: AndroidState;
  smpp?: SmscState;
  meta?: WhatsAppVendorState;
  waha?: WahaVendorState;
  evolution?: EvolutionVendorState;
  telegram?: TelegramVendorState;
  mailbox?: MailboxState;
  mailgun?: MailgunState;
  resend?: ResendState;
}

const writeDelayMs = 100;

/** Reads the state of an earlier run. */
export function readState(file: string | undefined): SandboxState | undefined {
  if (!file || !existsSync(file)) return undefined;
  const saved: SandboxState = JSON.parse(readFileSync(file, 'utf8'));
  // The file of an older version lacks newer fields.
  return { ...saved, highLevel: createState(saved.highLevel) };
}

/** Creates a writer of the state. `schedule` writes it soon, many changes at once; `now` writes it immediately. */
export function createStateWriter(clock: Clock, file: string | undefined, state: () => SandboxState) {
  let isScheduled = false;
  const write = () => {
    isScheduled = false;
    if (!file) return;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Renaming is atomic: a process killed while it writes leaves the old file whole.
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

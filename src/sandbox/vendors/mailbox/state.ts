import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated mailbox. Plain data that survives a restart. */
export interface MailboxState {
  account: { address: string; password: string; isRefused: boolean };
  uidValidity: number;
  nextUid: number;
  /** What lies in the inbox. */
  mails: StoredMail[];
}

/** A mail in the inbox. */
export interface StoredMail {
  uid: number;
  /** Base64 of its bytes. */
  raw: string;
  at: number;
}

/** Creates the demo mailbox. */
export function createDemoState(random: RandomSource): MailboxState {
  const password = [...random(16)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');
  return {
    account: { address: 'hello@harbour.example', password, isRefused: false },
    ...{ uidValidity: 1, nextUid: 1, mails: [] },
  };
}

/** Puts a mail into the inbox. */
export function addMail(state: MailboxState, raw: string, at: number): StoredMail {
  const mail = { uid: state.nextUid, raw: Buffer.from(raw).toString('base64'), at };
  state.nextUid += 1;
  state.mails.push(mail);
  return mail;
}

/** Checks a sign-in with the base64 of a user name and a password (RFC 4616). */
export function isAccepted({ account }: MailboxState, plain: string): boolean {
  const [, user, password] = Buffer.from(plain, 'base64').toString('utf8').split('\u0000');
  return isPassword(account, user, password);
}

/** Checks a user name and a password. */
export function isPassword(account: MailboxState['account'], user: string | undefined, password: string | undefined): boolean {
  return !account.isRefused && user?.toLowerCase() === account.address && password === account.password;
}

import type { AndroidState } from './android-sms-gateway/state.ts';
import type { EvolutionVendorState } from './evolution/state.ts';
import type { MailboxState } from './mailbox/state.ts';
import type { MailgunState } from './mailgun/state.ts';
import type { ResendState } from './resend/state.ts';
import type { SmscState } from './smpp/state.ts';
import type { TelnyxState } from './telnyx/state.ts';
import type { TwilioState } from './twilio/state.ts';
import type { WahaVendorState } from './waha/state.ts';
import type { WhatsAppVendorState } from './whatsapp-cloud/state.ts';

/** Returns the config of the simulated Twilio's demo account, which sends from its first number. */
export function toTwilioExample({ account, numbers }: TwilioState, baseUrl: string): Record<string, unknown> {
  return { accountSid: account.sid, authToken: account.authToken, from: numbers[0]?.phoneNumber, baseUrl };
}

/** Returns the config of the simulated Telnyx's demo account, which sends from its first number. */
export function toTelnyxExample({ account, numbers }: TelnyxState, baseUrl: string): Record<string, unknown> {
  return { apiKey: account.apiKey, publicKey: account.publicKey, from: numbers[0]?.phoneNumber, baseUrl };
}

/** Returns the config of the simulated SMS gateway's demo account, which sends from its first phone. */
export function toAndroidExample({ account, devices }: AndroidState, baseUrl: string): Record<string, unknown> {
  const { username, password, signingKey } = account;
  return { baseUrl, username, password, signingKey, deviceId: devices[0]?.id };
}

/** Returns the config of the simulated SMPP carrier's demo account. */
export function toSmppExample({ account, port }: SmscState): Record<string, unknown> {
  const { systemId, password, sender } = account;
  return { host: '127.0.0.1', port, systemId, password, sourceAddress: sender };
}

/** Returns the config of the simulated Meta's demo business. The verify token is the connection's own. */
export function toWhatsAppExample({ business }: WhatsAppVendorState, baseUrl: string): Record<string, unknown> {
  const { phoneNumberId, accountId: businessAccountId, accessToken, appSecret } = business;
  return { phoneNumberId, businessAccountId, accessToken, appSecret, baseUrl };
}

/** Returns the config of the simulated WAHA server's session. The HMAC key is the connection's own. */
export function toWahaExample({ apiKey, session }: WahaVendorState, baseUrl: string): Record<string, unknown> {
  return { baseUrl, apiKey, session };
}

/** Returns the config of the simulated Evolution API server's instance. The webhook secret is the connection's own. */
export function toEvolutionExample({ apiKey, instance }: EvolutionVendorState, baseUrl: string): Record<string, unknown> {
  return { baseUrl, apiKey, instance };
}

/** Returns the config of the simulated mail host's mailbox. */
export function toMailboxExample(
  { account }: MailboxState,
  { smtpPort, imapPort }: { smtpPort: number; imapPort: number },
): Record<string, unknown> {
  const { address, password } = account;
  const server = (port: number) => ({ host: '127.0.0.1', port, security: 'none', username: address, password });
  return { from: `Harbour Dental <${address}>`, smtp: server(smtpPort), imap: server(imapPort) };
}

/** Returns the config of the simulated Mailgun's demo account, which sends from its first domain. */
export function toMailgunExample({ account, domains }: MailgunState, baseUrl: string): Record<string, unknown> {
  const domain = domains[0]?.name ?? '';
  const { apiKey, signingKey: webhookSigningKey } = account;
  return { apiKey, domain, from: `Harbour Dental <hello@${domain}>`, webhookSigningKey, baseUrl };
}

/** Returns the config of the simulated Resend's demo account, with the signing secret of its webhook. */
export function toResendExample({ account, domains, webhooks }: ResendState, baseUrl: string): Record<string, unknown> {
  const from = `Harbour Dental <hello@${domains[0]?.name}>`;
  return { apiKey: account.apiKey, from, webhookSecret: webhooks[0]?.secret, baseUrl };
}

import * as z from 'zod';
import { toAsciiAddress } from '../../core/address.ts';
import { mailPorts } from '../../runtime/guarded-socket.ts';
import { isPrivateHost } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';
import { parseMailbox } from '../mail/addresses.ts';
import { senderField } from '../mail/config.ts';
import type { SecretTarget } from '../secret-targets.ts';
import { type ConsentClients, consentProviders, formatServersOf, isServerOf } from './consent.ts';

export type EmailConfig = z.output<ReturnType<typeof createEmailConfigSchema>>;

export type EmailContext = ChannelContext<EmailConfig>;

const maxHostChars = 253;
const maxCredentialChars = 500;
const maxTokenChars = 8_000;
const hostForm = /^[\p{L}\p{N}:](?:[\p{L}\p{N}.:-]*[\p{L}\p{N}])?$/u;

const secret = (max = maxCredentialChars) => z.string().min(1).max(max);

/** Fields of a server that a secret is sent to. */
function toServerTarget(name: 'smtp' | 'imap'): SecretTarget & object {
  return { host: `${name}.host`, port: `${name}.port`, encryption: `${name}.security` };
}

/** Targets of a password: IMAP uses that of SMTP where it has none of its own. */
const passwordTargets = {
  smtp: [toServerTarget('smtp'), { ...toServerTarget('imap'), unless: 'imap.password' }],
  imap: [toServerTarget('imap')],
};

/** The mail servers get the access tokens that it is for. */
const refreshTokenTargets = ['oauth.tokenUrl', toServerTarget('smtp'), toServerTarget('imap')];

interface ServerDefaults {
  readonly name: 'smtp' | 'imap';
  readonly port: number;
}

function serverFields(allowPrivateTargets: boolean, { name, port: defaultPort }: ServerDefaults) {
  return {
    host: z
      .string()
      .trim()
      .toLowerCase()
      .max(maxHostChars)
      .refine((host) => hostForm.test(host), { error: 'must be a host name without https://', params: { code: 'format' } })
      .refine((host) => allowPrivateTargets || !isPrivateHost(host), {
        error: 'must not be a private or reserved address',
        params: { code: 'private' },
      })
      .meta({ title: 'Server', placeholder: `${name}.example.com` }),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .default(defaultPort)
      .refine((port) => allowPrivateTargets || mailPorts.has(port), {
        error: `must be one of a mail server: ${[...mailPorts].join(', ')}`,
        params: { code: 'port' },
      })
      .meta({ title: 'Port' }),
    security: z
      .enum(['tls', 'starttls', 'none'])
      .default('tls')
      .refine((security) => allowPrivateTargets || security !== 'none', {
        error: 'must be tls or starttls: without them the password could be read on the way',
        params: { code: 'unencrypted' },
      })
      .meta({ title: 'Encryption' }),
    username: z
      .string()
      .trim()
      .min(1)
      .max(maxCredentialChars)
      .optional()
      .meta({ title: 'User name', description: 'The address of the sender where it is empty.', multiline: false }),
    password: secret().optional().meta({ title: 'Password', sensitive: true, sentTo: passwordTargets[name] }),
  };
}

/** Returns whether a host is of the own network for sure: then a token may go there without encryption. */
function isOwnNetwork(host: string): boolean {
  return host === 'localhost' || isPrivateHost(host);
}

/** Address of a token endpoint: the program posts the client's secret to it. */
function tokenUrlField(allowPrivateTargets: boolean) {
  return z
    .url({ protocol: /^https?$/, error: 'must be an https address' })
    .refine((url) => allowPrivateTargets || url.startsWith('https:'), {
      error: 'must start with https://',
      params: { code: 'https' },
    })
    .refine((url) => allowPrivateTargets || !isPrivateHost(new URL(url).hostname), {
      error: 'must not be a private or reserved address',
      params: { code: 'private' },
    });
}

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the servers be private and without encryption, for a relay of the own network
 * @param clients the operator's clients for consents
 */
export function createEmailConfigSchema(allowPrivateTargets: boolean, clients: ConsentClients = {}) {
  const hasClient = Object.values(clients).some((client) => client !== undefined);
  return z
    .strictObject({
      from: senderField(),
      smtp: z
        .strictObject(serverFields(allowPrivateTargets, { name: 'smtp', port: 465 }))
        .meta({ title: 'Outgoing mail (SMTP)' }),
      imap: z
        .strictObject({
          ...serverFields(allowPrivateTargets, { name: 'imap', port: 993 }),
          folder: z
            .string()
            .trim()
            .min(1)
            .max(maxCredentialChars)
            .default('INBOX')
            .meta({ title: 'Folder', advanced: true, multiline: false }),
        })
        .optional()
        .meta({
          title: 'Incoming mail (IMAP)',
          description: 'The user name and the password of SMTP apply where they are missing.',
          suggested: true,
        }),
      oauth: z
        .strictObject({
          provider: z
            .enum(consentProviders)
            .optional()
            .refine((provider) => provider === undefined || clients[provider] !== undefined, {
              error: 'is not set up: its client id and client secret are missing in the settings of the program',
              params: { code: 'not_configured' },
            })
            .meta({ title: 'Sign in with', description: 'The owner of the mailbox consents on a page of the mail host.' }),
          user: z.string().trim().min(1).max(maxCredentialChars).optional().meta({
            title: 'User name',
            description: 'Account that signs in, where it is not the address of the sender.',
            advanced: true,
            multiline: false,
          }),
          tokenUrl: tokenUrlField(allowPrivateTargets).optional().meta({ title: 'Token address', advanced: true }),
          clientId: z
            .string()
            .trim()
            .min(1)
            .max(maxCredentialChars)
            .optional()
            .meta({ title: 'Client id', advanced: true, multiline: false }),
          clientSecret: secret()
            .optional()
            .meta({ title: 'Client secret', sensitive: true, sentTo: 'oauth.tokenUrl', advanced: true }),
          refreshToken: secret(maxTokenChars)
            .optional()
            .meta({ title: 'Refresh token', sensitive: true, sentTo: refreshTokenTargets, advanced: true }),
          scope: z
            .string()
            .trim()
            .min(1)
            .max(maxCredentialChars)
            .optional()
            .meta({ title: 'Scope', advanced: true, multiline: false }),
        })
        .refine(isOneSignIn, {
          error: 'needs either provider, or tokenUrl, clientId and refreshToken',
          params: { code: 'one_sign_in' },
        })
        .optional()
        // Where the operator has set up a service, most people need it: passwords come to an end.
        .meta({ title: 'Sign-in with OAuth 2', description: 'Instead of passwords.', advanced: !hasClient }),
      replyTo: senderField().optional().meta({ title: 'Reply-To', advanced: true }),
      senders: z.array(senderField()).max(100).default([]).meta({
        title: 'Further senders',
        description: 'Addresses that this mailbox may also send as. Other senders become the name of the own address.',
        advanced: true,
      }),
      unverifiedSenders: z.enum(['deliver', 'mark', 'hold']).default('mark').meta({
        title: 'Emails whose sender is not proved',
        description:
          'Deliver them, deliver them with a note, or leave them in the mailbox. Failed proofs are always left there.',
        advanced: true,
      }),
      authServer: z.string().trim().toLowerCase().max(maxHostChars).optional().meta({
        title: 'Server that checks senders',
        description:
          'Its name at the beginning of Authentication-Results. Known for Gmail and Microsoft 365; elsewhere no sender is proved without it.',
        advanced: true,
      }),
      strangers: z
        .enum(['deliver', 'ignore'])
        .default('deliver')
        .meta({ title: 'Emails that reply to none of ours', description: 'Deliver or ignore them.', advanced: true }),
      quietMinutes: z
        .int()
        .min(0)
        .max(7 * 24 * 60)
        .default(60)
        .meta({
          title: 'Delivered after minutes without a bounce',
          description:
            'Mail servers confirm no delivery, and nine of ten bounces come within minutes. 0: only a report or a reply counts.',
          advanced: true,
        }),
      deliveryReports: z.boolean().default(false).meta({
        title: 'Ask for delivery reports',
        description: 'Servers that know them send a report to the mailbox for each email that they have delivered.',
        advanced: true,
      }),
      readReceipts: z.boolean().default(false).meta({
        title: 'Ask for read receipts',
        description: 'Mail programs ask their user whether to send one; many never do.',
        advanced: true,
      }),
      oneClickUnsubscribe: z.boolean().default(false).meta({
        title: 'Add one-click unsubscribe',
        description: 'For connections that send to many. A contact who uses it receives no further email of this location.',
        advanced: true,
      }),
      unsubscribeSecret: secret().optional().meta({ sensitive: true, sentTo: [], generate: 'signingSecret', advanced: true }),
      dkim: z
        .strictObject({
          domain: z.string().trim().toLowerCase().min(1).max(maxHostChars),
          selector: z.string().trim().min(1).max(maxHostChars),
          privateKey: secret(maxTokenChars).meta({ sensitive: true, sentTo: [], multiline: true }),
        })
        .optional()
        .meta({ title: 'DKIM signature', description: 'Only for a server that does not sign by itself.', advanced: true }),
      caCertificate: z.string().trim().max(maxTokenChars).optional().meta({
        title: 'Certificate authority (PEM)',
        description: 'For a server with a certificate of its own.',
        advanced: true,
      }),
    })
    .refine(({ smtp, oauth }) => smtp.username === undefined || smtp.password !== undefined || oauth !== undefined, {
      path: ['smtp', 'password'],
      error: 'is needed with username',
      params: { code: 'with_username' },
    })
    .superRefine(({ smtp, imap, oauth }, context) => {
      if (!oauth) return;
      for (const [name, server] of Object.entries({ smtp, imap })) {
        if (server?.security !== 'none' || isOwnNetwork(server.host)) continue;
        const message = 'needs encryption for OAuth 2';
        context.addIssue({ code: 'custom', path: [name, 'security'], message, params: { code: 'unencrypted' } });
      }
    })
    .superRefine(({ smtp, imap, oauth }, context) => {
      const provider = oauth?.provider;
      if (!provider || allowPrivateTargets) return;
      for (const [name, server] of Object.entries({ smtp, imap })) {
        if (!server || isServerOf(provider, server.host)) continue;
        const message = `must be a server of the service that is signed in to: ${formatServersOf(provider)}`;
        context.addIssue({ code: 'custom', path: [name, 'host'], message, params: { code: 'other_service' } });
      }
    })
    .refine(({ imap, smtp, oauth }) => !imap || oauth || (imap.password ?? smtp.password), {
      path: ['imap', 'password'],
      error: 'is needed where SMTP has none',
      params: { code: 'login_missing' },
    });
}

function isOneSignIn({ provider, tokenUrl, clientId, clientSecret, refreshToken, scope }: OAuthFields): boolean {
  if (provider) return [tokenUrl, clientId, clientSecret, refreshToken, scope].every((value) => value === undefined);
  return tokenUrl !== undefined && clientId !== undefined && refreshToken !== undefined;
}

interface OAuthFields {
  readonly provider?: string | undefined;
  readonly tokenUrl?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly refreshToken?: string | undefined;
  readonly scope?: string | undefined;
}

/** Returns the address of a config's own mailbox, as mail servers name it. */
export function getOwnAddress({ from }: Pick<EmailConfig, 'from'>): string {
  return toAsciiAddress(parseMailbox(from)?.address ?? from);
}

/** Lists the texts that no outcome, log line or error may hold. */
export function listSecrets({ smtp, imap, oauth }: EmailConfig): string[] {
  const secrets = [smtp.password, imap?.password, oauth?.clientSecret, oauth?.refreshToken];
  return secrets.filter((text) => text !== undefined);
}

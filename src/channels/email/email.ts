import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createEmailConfigSchema, type EmailConfig } from './config.ts';
import type { ConsentClients } from './consent.ts';
import { openImapSession } from './imap-session.ts';
import { knownServers } from './known-servers.ts';
import { lookUpSend, receiptsReadUntil } from './look-up.ts';
import { fetchMailFile } from './media.ts';
import { sendMessage } from './send.ts';
import { getToken, toSignIn } from './sign-in.ts';
import { verifyConfig } from './verify.ts';

const capabilities: Capabilities = {
  messageTypes: ['email'],
  addressType: 'email',
  attachments: 'bytes',
  receipts: true,
  idempotent: false,
  vendorAddresses: false,
  managesOptOuts: false,
};

/**
 * Creates the channel for a mailbox: SMTP out, IMAP in.
 *
 * @param options.allowPrivateTargets lets the servers be private and without encryption
 * @param options.consentClients the operator's clients at services whose users sign in on their page
 */
export function createEmailChannel(options: {
  allowPrivateTargets: boolean;
  consentClients?: ConsentClients | undefined;
}): Channel {
  const { consentClients = {} } = options;
  const failures = new Map<string, number>();
  return defineChannel<EmailConfig>({
    type: 'email',
    title: 'Email (SMTP and IMAP)',
    configSchema: createEmailConfigSchema(options.allowPrivateTargets, consentClients),
    suggestions: { field: 'from', options: knownServers },
    capabilities,
    // Bounces arrive in the mailbox: without IMAP the program reads none, and what was accepted counts as delivered.
    getCapabilities: ({ imap, quietMinutes }) => ({
      ...capabilities,
      receipts: imap !== undefined,
      ...(quietMinutes > 0 ? { quietPeriodMs: quietMinutes * 60_000 } : {}),
    }),
    setupGuide: 'channels/email',
    send: (context, message) => sendMessage(context, message),
    lookUpSend: (context, message, since) => lookUpSend(context, message, since),
    receiptsReadUntil,
    fetchAttachment: (context, ref) => fetchMailFile(context, ref),
    setup: {
      verify: verifyConfig,
      getSignIn: (config) => toSignIn(consentClients, config),
      getPairing: ({ signIn }) => signIn.getPairing(),
    },
    listUnsubscribeSecrets: ({ unsubscribeSecret }) => (unsubscribeSecret === undefined ? [] : [unsubscribeSecret]),
    session: {
      carriesSends: false,
      async open(context, emit) {
        const isReadable = context.connection.config.imap && (await getToken(context))?.kind !== 'consent_required';
        if (isReadable) return openImapSession(context, failures, emit);
        // There is no mailbox to read, or its owner has not signed in: the session stays open until the connection changes.
        const closed = Promise.withResolvers<null>();
        return { closed: closed.promise, close: async () => closed.resolve(null) };
      },
    },
  });
}

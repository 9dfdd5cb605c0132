import { AppError } from '../../core/errors.ts';
import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { receiveUnsubscribe, unsubscribePath } from '../mail/unsubscribe.ts';
import { createEmailConfigSchema, type EmailConfig } from './config.ts';
import { openImapSession } from './imap-session.ts';
import { lookUpReceipt, lookUpSend } from './look-up.ts';
import { fetchMailFile } from './media.ts';
import { createTokenSource } from './oauth.ts';
import { sendMessage } from './send.ts';
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
 */
export function createEmailChannel(options: { allowPrivateTargets: boolean }): Channel {
  const getAccessToken = createTokenSource();
  const failures = new Map<string, number>();
  return defineChannel<EmailConfig>({
    type: 'email',
    title: 'Email (SMTP and IMAP)',
    configSchema: createEmailConfigSchema(options.allowPrivateTargets),
    capabilities,
    // Bounces arrive in the mailbox: without IMAP the program reads none, and what was accepted counts as delivered.
    getCapabilities: ({ imap }) => ({ ...capabilities, receipts: imap !== undefined }),
    setupGuide: 'channels/email',
    send: (context, message) => sendMessage(context, message, getAccessToken),
    lookUpSend: (context, message, since) => lookUpSend(context, message, since, getAccessToken),
    lookUpReceipt,
    fetchAttachment: (context, ref) => fetchMailFile(context, ref, getAccessToken),
    setup: { verify: (context) => verifyConfig(context, getAccessToken) },
    webhooks: {
      // The link is in the emails; there is none to enter anywhere.
      paths: [],
      async receive({ connection }, request) {
        if (request.path !== unsubscribePath) throw new AppError('not_found', 'This channel has no webhooks.');
        const secrets = [connection.config, connection.previousConfig].flatMap((config) => config?.unsubscribeSecret ?? []);
        return receiveUnsubscribe(connection.id, secrets, request);
      },
    },
    session: {
      carriesSends: false,
      async open(context, emit) {
        if (context.connection.config.imap) return openImapSession(context, getAccessToken, failures, emit);
        // There is no mailbox to read: the session stays open and does nothing.
        const closed = Promise.withResolvers<null>();
        return { closed: closed.promise, close: async () => closed.resolve(null) };
      },
    },
  });
}

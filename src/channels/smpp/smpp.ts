import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createSmppConfigSchema, type SmppConfig } from './config.ts';
import { listFindings } from './findings.ts';
import { openSmppSession } from './session.ts';
import { toSmsOptions } from './submit.ts';
import { verifyConfig } from './verify.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  // Their addresses follow the text.
  attachments: 'urls',
  receipts: true,
  idempotent: false,
  vendorAddresses: false,
  managesOptOuts: false,
};

/**
 * Creates the channel for carriers and aggregators that speak SMPP 3.4 or 5.0.
 *
 * @param options.allowPrivateTargets lets the carrier's host be private
 */
export function createSmppChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<SmppConfig>({
    type: 'smpp',
    title: 'SMPP',
    configSchema: createSmppConfigSchema(options.allowPrivateTargets),
    capabilities,
    getCapabilities: ({ requestReceipts }) => ({ ...capabilities, receipts: requestReceipts }),
    getSmsOptions: toSmsOptions,
    setupGuide: 'channels/smpp',
    send: async () => ({ kind: 'unavailable', code: 'session_closed', message: 'Messages are sent through the bind.' }),
    setup: { verify: verifyConfig },
    session: { carriesSends: true, open: openSmppSession, listFindings },
  });
}

import type { ChannelContext, WebhookRequest } from '../../src/channels/channel.ts';
import { png } from '../support/sample-files.ts';
import { startWhatsAppCloudVendor } from './whatsapp-cloud-vendor.ts';
import { createMessage, startWhatsAppWorld } from './whatsapp-cloud-world.ts';

const url = 'https://app.example/channels/1';

test('the simulator’s webhooks are authentic for the channel, and a forged one is not', async () => {
  const vendor = await startWhatsAppCloudVendor();
  await using world = await startWhatsAppWorld();
  const config = vendor.channel.configSchema.parse(vendor.config);
  const context = { ...world.context, connection: { ...world.context.connection, config } } as ChannelContext<object>;
  const receive = async (request: WebhookRequest) => (await vendor.channel.webhooks?.receive(context, request))?.events ?? [];
  const message = createMessage({ lastInboundAt: new Date() });
  try {
    expect(await vendor.channel.send(context, message)).toMatchObject({ kind: 'accepted' });
    const [send] = vendor.listSends();
    if (!send) throw new Error('The message was not listed.');
    expect(send).toMatchObject({ to: message.to, text: 'hi', attachments: [] });
    for (const state of ['delivered', 'read', 'failed'] as const) {
      expect(await receive(vendor.receipt(url, send, message.id, state))).toMatchObject([
        { kind: 'receipt', receipt: { messageId: message.id, externalId: send.externalId, state } },
      ]);
    }
    const picture = { data: png, contentType: 'image/png' };
    const inbound = vendor.inbound(url, { externalId: 'wamid.IN', from: '+16505551234', text: 'Zoë', picture });
    const [event] = await receive(inbound);
    expect(event).toMatchObject({ kind: 'inbound', inbound: { externalId: 'wamid.IN', from: '+16505551234', text: 'Zoë' } });
    const [file] = event?.kind === 'inbound' ? event.inbound.attachments : [];
    const ref = file && 'ref' in file ? file.ref : '';
    expect(await vendor.channel.fetchAttachment?.(context, ref)).toMatchObject({ kind: 'fetched', bytes: png.length });
    expect(await receive(vendor.optOut(url, '+16505551234', true))).toMatchObject([
      { kind: 'opt_out', optOut: { optedOut: true } },
    ]);
    await expect(receive(vendor.forge(inbound))).rejects.toMatchObject({ code: 'signature_invalid' });
    for (const [behaviour, kind] of [
      ['reject', 'rejected'],
      ['opted_out', 'rejected'],
      ['throttle', 'unavailable'],
      ['server_error', 'unavailable'],
      ['cut_after_request', 'unknown'],
      ['wrong_credentials', 'connection_error'],
      ['accept', 'accepted'],
    ] as const) {
      vendor.behave(behaviour);
      expect(await vendor.channel.send(context, message)).toMatchObject({ kind });
    }
    expect(vendor.countRequests()).toBe(8);
    expect(vendor.violations).toEqual([]);
  } finally {
    await vendor.close();
  }
});

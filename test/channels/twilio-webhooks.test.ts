import express from 'express';
import fc from 'fast-check';
import type { ChannelEvent, WebhookRequest } from '../../src/channels/channel.ts';
import { readInboundMessage } from '../../src/channels/twilio/inbound.ts';
import { readStatusCallback } from '../../src/channels/twilio/status.ts';
import { isAppError } from '../../src/core/errors.ts';
import { listen } from '../support/http.ts';
import { message, startTwilioWorld, type TwilioWorld, toRequest, webhookUrl } from './twilio-world.ts';

const receive = async (world: TwilioWorld, request: WebhookRequest, config = {}) => {
  const result = await world.channel.webhooks?.receive(world.createContext(config), request);
  return result ?? { events: [] };
};

/** Builds a signed status callback. */
function sign(world: TwilioWorld, path: string, fields: Record<string, string>): WebhookRequest {
  return toRequest(world.twilio.sign(`${webhookUrl}/${path}`, { MessageSid: 'SM1', To: message.to, ...fields }));
}

const read = async (world: TwilioWorld, path: string, fields: Record<string, string>) =>
  (await receive(world, sign(world, path, fields))).events;

describe('status callbacks', () => {
  test.each([
    ['queued', undefined],
    ['sending', undefined],
    ['sent', undefined],
    ['accepted', undefined],
    ['scheduled', undefined],
    ['delivered', 'delivered'],
    ['partially_delivered', 'delivered'],
    ['read', 'read'],
    ['failed', 'failed'],
    ['undelivered', 'failed'],
    ['canceled', 'failed'],
    ['a_status_of_tomorrow', undefined],
    ['received', undefined],
  ])('"%s" is %s; with our id in the address a status on the way proves the send', async (status, state) => {
    await using world = await startTwilioWorld();
    const events = await read(world, 'status', { MessageStatus: status });
    expect(events).toMatchObject(state ? [{ kind: 'receipt', receipt: { externalId: 'SM1', state } }] : []);
    const proof = ['queued', 'sending', 'sent', 'accepted', 'scheduled'].includes(status) ? 'accepted' : state;
    const own = await read(world, `status/${message.id}`, { MessageStatus: status });
    expect(own).toMatchObject(proof ? [{ receipt: { messageId: message.id, externalId: 'SM1', state: proof } }] : []);
  });

  test('a part is named by the address', async () => {
    await using world = await startTwilioWorld();
    const [event] = await read(world, `status/${message.id}-1-3`, { MessageStatus: 'delivered' });
    expect(event).toMatchObject({ receipt: { messageId: message.id, part: { index: 1, count: 3 } } });
  });

  test('a failure has its code, and words even where Twilio sends none', async () => {
    await using world = await startTwilioWorld();
    const error = async (fields: Record<string, string>) => {
      const [event] = await read(world, 'status', { MessageStatus: 'undelivered', ...fields });
      return event?.kind === 'receipt' ? event.receipt.error : undefined;
    };
    expect(await error({ ErrorCode: '30007' })).toMatchObject({ code: '30007', message: expect.stringContaining('carrier') });
    expect(await error({ ErrorCode: '39999', ErrorMessage: 'New' })).toEqual({ code: '39999', message: 'New' });
    expect(await error({ ErrorCode: '39999', ChannelStatusMessage: 'New' })).toEqual({ code: '39999', message: 'New' });
    expect(await error({ ErrorCode: '0' })).toMatchObject({ code: 'undelivered', message: expect.any(String) });
    expect(await error({ ErrorCode: '63016' })).toMatchObject({ message: expect.stringContaining('24 hours') });
  });

  test.each(['63014', '63033', '21610'])('the code %s is an opt-out too', async (code) => {
    await using world = await startTwilioWorld();
    const events = await read(world, 'status', { MessageStatus: 'failed', ErrorCode: code, To: 'whatsapp:+12025550143' });
    const optOut = { address: '+12025550143', optedOut: true, category: 'all' };
    expect(events).toMatchObject([{ kind: 'receipt' }, { kind: 'opt_out', optOut }]);
  });

  test('only codes about the account, or about the connection’s sender, hold it; those about one destination do not', async () => {
    await using world = await startTwilioWorld();
    const service = { messagingServiceSid: world.service.sid };
    const holds = async (ErrorCode: string, config = {}, From = world.from) => {
      const request = sign(world, 'status', { MessageStatus: 'failed', ErrorCode, From });
      return (await receive(world, request, config)).events.some(({ kind }) => kind === 'connection');
    };
    for (const code of ['30002', '63001', '63007', '63020', '63022', '63051']) {
      expect([code, await holds(code)]).toEqual([code, true]);
      const isAccount = code === '30002';
      expect([code, await holds(code, service)]).toEqual([code, isAccount]);
      expect([code, await holds(code, {}, '+12025550101')]).toEqual([code, isAccount]);
    }
    for (const code of ['30003', '30004', '30018', '30034', '30032', '63015', '63016', '63024']) {
      expect([code, await holds(code)]).toEqual([code, false]);
    }
  });

  test('Twilio’s own callbacks of a send arrive, signed, for SMS and WhatsApp', async () => {
    await using world = await startTwilioWorld();
    const received: ChannelEvent[] = [];
    const app = express();
    const { url, close } = await listen(app);
    app.post('/*path', async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const path = request.path.slice('/channels/c/'.length);
      const query = new URLSearchParams();
      const { events = [] } =
        (await world.channel.webhooks?.receive(
          world.createContext({ from: world.whatsApp }, { webhookUrl: `${url}/channels/c` }),
          { method: 'POST', path, query, headers: request.headers, body: Buffer.concat(chunks) },
        )) ?? {};
      received.push(...events);
      response.end();
    });
    const context = world.createContext({ from: world.whatsApp }, { webhookUrl: `${url}/channels/c` });
    await world.channel.send(context, message);
    const [{ sid } = { sid: '' }] = world.twilio.state.messages;
    await world.clock.tick(1_000);
    world.twilio.deliver(sid);
    world.twilio.markRead(sid);
    const states = () => received.map((event) => (event.kind === 'receipt' ? event.receipt.state : event.kind));
    for (let tries = 0; tries < 100 && states().length < 4; tries++) await new Promise((done) => setTimeout(done, 20));
    expect(states().toSorted()).toEqual(['accepted', 'accepted', 'delivered', 'read']);
    expect(world.twilio.problems).toEqual([]);
    await close();
  });

  test('without a message or a status the problem is named', async () => {
    await using world = await startTwilioWorld();
    await expect(read(world, 'status', {})).rejects.toMatchObject({ code: 'payload_invalid', details: [expect.any(String)] });
    await expect(read(world, 'status', { MessageStatus: 'sent', MessageSid: '' })).rejects.toMatchObject({
      code: 'payload_invalid',
    });
    expect(await read(world, 'status', { MessageSid: '', SmsSid: 'SM2', SmsStatus: 'delivered' })).toMatchObject([
      { receipt: { externalId: 'SM2', state: 'delivered' } },
    ]);
  });
});

describe('authenticity', () => {
  test('a wrong signature is refused before the body is read; during a rotation both tokens are accepted', async () => {
    await using world = await startTwilioWorld();
    const good = sign(world, 'status', { MessageStatus: 'delivered' });
    const forged = { ...good, headers: { ...good.headers, 'x-twilio-signature': 'x' } };
    await expect(receive(world, forged)).rejects.toMatchObject({ code: 'signature_invalid' });
    await expect(receive(world, { ...good, path: `status/${message.id}` })).rejects.toMatchObject({
      code: 'signature_invalid',
    });
    await expect(receive(world, good, { authToken: 'new' })).rejects.toMatchObject({ code: 'signature_invalid' });
    const { config: previousConfig } = world.createContext().connection;
    const rotating = world.createContext({ authToken: 'new' }, { previousConfig });
    expect((await world.channel.webhooks?.receive(rotating, good))?.events).toHaveLength(1);
  });

  test('an unknown path is not found, and a GET has the wrong method', async () => {
    await using world = await startTwilioWorld();
    const good = sign(world, 'status', { MessageStatus: 'delivered' });
    for (const path of ['other', 'status/', 'status/x', 'inbound/x', `status/${message.id}-1`, `status/${message.id}/x`]) {
      await expect(receive(world, { ...good, path })).rejects.toMatchObject({ code: 'not_found' });
    }
    await expect(receive(world, { ...good, method: 'GET' })).rejects.toMatchObject({ code: 'method_not_allowed' });
  });
});

test('any form is read or refused as documented', () => {
  const names = fc.constantFrom(
    'MessageSid',
    'MessageStatus',
    'ErrorCode',
    'From',
    'To',
    'Body',
    'NumMedia',
    'MediaUrl0',
    'OptOutType',
    'Latitude',
  );
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\u0000', 'STOP', 'failed', '21610', 'x'.repeat(5_000)),
  );
  fc.assert(
    fc.property(fc.dictionary(names, values), (fields) => {
      for (const parse of [() => readStatusCallback(fields, {}), () => readInboundMessage(fields, { from: undefined })]) {
        try {
          expect(JSON.stringify(parse())).not.toContain('\\u0000');
        } catch (error) {
          if (!isAppError(error, 'payload_invalid')) throw error;
        }
      }
    }),
    { numRuns: 500 },
  );
});

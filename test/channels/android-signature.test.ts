import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { computeSignature, requireAndroidSignature } from '../../src/channels/android-sms-gateway/signature.ts';
import type { WebhookRequest } from '../../src/channels/channel.ts';

/** A vector of our own, made from the app's source: HMAC-SHA256 over the body, then its time. */
const key = 'patchbay-sms-key';
const seconds = 1_795_773_600;
const body =
  '{"deviceId":"d1","event":"sms:delivered","id":"e1","webhookId":"w1","payload":{"messageId":"m1","recipient":"+16505551234","simNumber":1,"deliveredAt":"2026-11-27T10:00:00.000Z"}}';
const signature = '1aeea643f33a7a708d82834fb467f9a5a1988b6cb3b2aad3e448e0c7b6d15ed7';

function createRequest(changes: Partial<{ signature: string; timestamp: string; body: string }> = {}): WebhookRequest {
  const headers = { 'x-signature': changes.signature ?? signature, 'x-timestamp': changes.timestamp ?? String(seconds) };
  return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body: Buffer.from(changes.body ?? body) };
}

const verify = (request: WebhookRequest, atSeconds = seconds, keys = [key]) =>
  requireAndroidSignature(keys, request, atSeconds * 1000);
const invalid = expect.objectContaining({ code: 'signature_invalid' });

test('the vector is verified, in either case of its letters', () => {
  expect(Buffer.byteLength(body)).toBe(179);
  expect(computeSignature(key, Buffer.from(body), String(seconds))).toBe(signature);
  expect(() => verify(createRequest())).not.toThrow();
  expect(() => verify(createRequest({ signature: signature.toUpperCase() }))).not.toThrow();
});

test('another body, time or key, and a missing signature, are refused; the previous key still counts', () => {
  expect(() => verify(createRequest({ body: `${body} ` }))).toThrow(invalid);
  expect(() => verify(createRequest({ timestamp: String(seconds + 1) }))).toThrow(invalid);
  // The app signs body and time as one text: a digit that moves from one to the other leads to a time of long ago.
  expect(() => verify(createRequest({ body: `${body}1`, timestamp: String(seconds).slice(1) }))).toThrow(invalid);
  for (const given of ['', 'x', signature.slice(1)]) expect(() => verify(createRequest({ signature: given }))).toThrow(invalid);
  for (const timestamp of ['', 'now', '1e9', '-1']) expect(() => verify(createRequest({ timestamp }))).toThrow(invalid);
  expect(() => verify({ ...createRequest(), headers: {} })).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, ['other'])).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, [])).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, ['other', key])).not.toThrow();
});

test('a webhook counts for five minutes, in both directions of the phone’s clock', () => {
  for (const skew of [-300, 300]) expect(() => verify(createRequest(), seconds + skew)).not.toThrow();
  for (const skew of [-301, 301]) expect(() => verify(createRequest(), seconds + skew)).toThrow(invalid);
});

test('any text at any time is verified as it was signed, and no other one', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 100 }).map((value) => value.toWellFormed());
  fc.assert(
    fc.property(
      text,
      fc.string({ minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 4_000_000_000 }),
      (raw, secret, at) => {
        const request = createRequest({
          signature: createHmac('sha256', secret).update(`${raw}${at}`, 'utf8').digest('hex'),
          timestamp: String(at),
          body: raw,
        });
        expect(() => verify(request, at, [secret])).not.toThrow();
        expect(() => verify({ ...request, body: Buffer.from(`${raw}x`) }, at, [secret])).toThrow(invalid);
        expect(() => verify(request, at, [`${secret}x`])).toThrow(invalid);
      },
    ),
  );
});

import { sign } from 'node:crypto';
import fc from 'fast-check';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { requireTelnyxSignature } from '../../src/channels/telnyx/signature.ts';
import { toPublicKey, toSigningKey } from '../../src/sandbox/vendors/telnyx/state.ts';
import { startTelnyxWorld } from './telnyx-world.ts';

/** A vector of our own, checked with Telnyx's SDK 7.24: the seed has the bytes 0 to 31. */
const publicKey = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=';
const seconds = 1_700_000_000;
const body = '{"data":{"event_type":"message.received","id":"b301ed3f-1490-491f-995f-6e64e69674d4","record_type":"event"}}';
const signature = 'wTjvjC6wJX6+xBV0vvBP6/1h7JcwT3M4ObmM0Ha9CjuLusU0e4zRowkw5cdLQvHc8jEaHqKMzYj3Tmd5lUgSBQ==';

function createRequest(changes: Partial<{ signature: string; timestamp: string; body: string }> = {}): WebhookRequest {
  const headers = {
    'telnyx-signature-ed25519': changes.signature ?? signature,
    'telnyx-timestamp': changes.timestamp ?? String(seconds),
  };
  return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body: Buffer.from(changes.body ?? body) };
}

const verify = (request: WebhookRequest, atSeconds = seconds, keys = [publicKey]) =>
  requireTelnyxSignature(keys, request, atSeconds * 1000);
const invalid = expect.objectContaining({ code: 'signature_invalid' });
const seed = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64');

test('the vector is verified, and the simulator makes the same keys', () => {
  expect(() => verify(createRequest())).not.toThrow();
  expect(toPublicKey(seed)).toBe(publicKey);
  expect(sign(null, Buffer.from(`${seconds}|${body}`), toSigningKey(seed)).toString('base64')).toBe(signature);
});

test('a webhook counts for five minutes, in both directions of the clock', () => {
  for (const skew of [-300, 0, 300]) expect(() => verify(createRequest(), seconds + skew)).not.toThrow();
  for (const skew of [-400, -301, 301, 400]) expect(() => verify(createRequest(), seconds + skew)).toThrow(invalid);
});

test('the raw bytes are signed: the same JSON in other bytes is refused', () => {
  expect(() => verify(createRequest({ body: JSON.stringify(JSON.parse(body), null, 1) }))).toThrow(invalid);
  expect(() => verify(createRequest({ body: `${body} ` }))).toThrow(invalid);
});

test('another time, a missing or cut signature and another key are refused; the previous key still counts', () => {
  const other = toPublicKey(Buffer.alloc(32, 7).toString('base64'));
  expect(() => verify(createRequest({ timestamp: String(seconds + 1) }))).toThrow(invalid);
  for (const timestamp of ['', 'now', '1e9', `${seconds}.5`, '-1'])
    expect(() => verify(createRequest({ timestamp }))).toThrow(invalid);
  for (const cut of ['', 'x', signature.slice(0, 40)]) expect(() => verify(createRequest({ signature: cut }))).toThrow(invalid);
  expect(() => verify({ ...createRequest(), headers: {} })).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, [other])).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, [])).toThrow(invalid);
  expect(() => verify(createRequest(), seconds, [other, publicKey])).not.toThrow();
});

test('a connection without a public key, or with a wrong one, can’t be stored', async () => {
  await using world = await startTelnyxWorld();
  for (const key of [undefined, '', 'abc', `${publicKey.slice(0, -4)}AAA=`.slice(2), 'x'.repeat(44)]) {
    expect(() => world.createContext({ publicKey: key as string })).toThrow();
  }
});

test('any bytes at any time are verified as they were signed, and no other ones', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 4_000_000_000 }), fc.nat(), (bytes, at, place) => {
      const raw = Buffer.from(bytes);
      const signed = Buffer.concat([Buffer.from(`${at}|`), raw]);
      const headers = {
        'telnyx-signature-ed25519': sign(null, signed, toSigningKey(seed)).toString('base64'),
        'telnyx-timestamp': String(at),
      };
      const request = { ...createRequest(), headers, body: raw };
      expect(() => verify(request, at)).not.toThrow();
      const changed = Buffer.concat([raw, Buffer.from('x')]);
      changed[place % changed.length] = (changed[place % changed.length] ?? 0) ^ 1;
      expect(() => verify({ ...request, body: changed }, at)).toThrow(invalid);
    }),
  );
});

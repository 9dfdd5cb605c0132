import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { createTokenGuard, requireMailgunSignature } from '../../src/channels/mailgun/signature.ts';

const refused = expect.objectContaining({ code: 'signature_invalid' });

test('the signature is HMAC-SHA256 over time and token, with any key that is valid, for nine hours', () => {
  // Computed with OpenSSL.
  const proof = {
    timestamp: '1529006854',
    token: 'a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0',
    signature: 'b63c0701c4f4b614f272106a1b367c5c3369bcdca664ae73ebd52787e45eef07',
  };
  const key = 'key-3ax6xnjp29jd6fds4gc373sgvjxteol0';
  const at = 1_529_006_854_000;
  const hourMs = 60 * 60 * 1000;
  requireMailgunSignature(['another', key], proof, at);
  requireMailgunSignature([key], { ...proof, signature: proof.signature.toUpperCase() }, at + 8.9 * hourMs);
  expect(() => requireMailgunSignature([key], proof, at + 9.1 * hourMs)).toThrow(refused);
  expect(() => requireMailgunSignature([key], proof, at - hourMs)).toThrow(refused);
  expect(() => requireMailgunSignature(['another'], proof, at)).toThrow(refused);
  expect(() => requireMailgunSignature([], proof, at)).toThrow(refused);
  for (const name of Object.keys(proof))
    expect(() => requireMailgunSignature([key], { ...proof, [name]: '' }, at)).toThrow(refused);
});

test('no other time, token, signature or key passes', () => {
  const [key, timestamp] = ['k'.repeat(32), '1529006854'];
  const sign = (token: string) =>
    createHmac('sha256', key)
      .update(timestamp + token)
      .digest('hex');
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 60 }),
      fc.string(),
      fc.constantFrom('timestamp', 'token', 'signature'),
      (token, other, name) => {
        const proof = { timestamp, token, signature: sign(token) };
        requireMailgunSignature([key], proof, 1_529_006_854_000);
        if (other.toLowerCase() === proof[name as 'token']) return;
        expect(() => requireMailgunSignature([key], { ...proof, [name]: other }, 1_529_006_854_000)).toThrow(refused);
      },
    ),
  );
});

test('a token with another content is refused; a repeat is not', () => {
  const guard = createTokenGuard();
  guard.requireSameContent('t', 'a');
  guard.remember('t', 'a');
  guard.requireSameContent('t', 'a');
  expect(() => guard.requireSameContent('t', 'b')).toThrow(refused);
  for (let count = 0; count < 20_001; count += 1) guard.remember(String(count), 'x');
  guard.requireSameContent('t', 'b');
});

import fc from 'fast-check';
import { createEmailConfigSchema } from '../../src/channels/email/config.ts';
import { maxFiles } from '../../src/channels/email/inbound.ts';
import { readMail } from '../../src/channels/email/read-mail.ts';
import { maxChars } from '../../src/core/bounds.ts';

/** Emails of any structure, as a stranger may make them: nested, cut, with boundaries that repeat or never end, and encodings that lie. */

const config = createEmailConfigSchema(false).parse({
  from: 'shop@inbox.test',
  smtp: { host: 'mail.example.com', username: 'shop', password: 'p' },
  imap: { host: 'imap.example.com' },
  unverifiedSenders: 'deliver',
});
const guard = { isLoop: () => false };
const read = (bytes: Uint8Array) =>
  readMail({ id: 'c1', config, previousConfig: undefined }, guard, {
    place: { uidValidity: '1', uid: 7 },
    bytes,
    receivedAt: new Date('2026-01-01T00:00:00Z'),
  });

const head = 'From: Maya <maya@example.com>\r\nTo: shop@inbox.test\r\nMessage-ID: <one@example.com>\r\nMIME-Version: 1.0\r\n';
const boundary = fc.constantFrom('a', 'b', 'a--', '');
const encoding = fc.constantFrom('7bit', '8bit', 'base64', 'quoted-printable', 'x-uuencode', '');
const charset = fc.constantFrom('utf-8', 'iso-8859-1', 'shift_jis', 'utf-7', 'iso-2022-jp', 'no-such', '"', '');
const leafType = fc.constantFrom(
  ...['text/plain', 'text/html', 'text/calendar; method=REQUEST', 'image/png; name="a.png"', 'application/ms-tnef', 'TEXT/'],
  ...['message/delivery-status', 'message/disposition-notification', 'message/external-body', 'application/pgp-encrypted'],
);
const content = fc.oneof(
  fc.constantFrom(
    '<p onclick="x()">a</p><script>b</script><img src="cid:1">',
    '=3Cscript=3E=',
    'PHNjcmlwdD4=',
    '\u0000',
    '\ud800',
  ),
  fc.constantFrom('--a', '--a--', 'BEGIN:VCALENDAR\r\nSUMMARY:x', 'Final-Recipient: rfc822; a@b.example\r\nAction: failed'),
  fc.string({ maxLength: 200 }),
);
const { part } = fc.letrec<{ part: string }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .record({ leafType, charset, encoding, content })
      .map(
        (leaf) =>
          `Content-Type: ${leaf.leafType}; charset=${leaf.charset}\r\nContent-Transfer-Encoding: ${leaf.encoding}\r\n\r\n${leaf.content}`,
      ),
    fc
      .record({
        kind: fc.constantFrom('mixed', 'alternative', 'related', 'report', 'digest'),
        boundary,
        isClosed: fc.boolean(),
      })
      .chain((outer) =>
        fc
          .array(tie('part'), { maxLength: 3 })
          .map((parts) =>
            [
              `Content-Type: multipart/${outer.kind}; boundary="${outer.boundary}"\r\n`,
              ...parts.map((one) => `--${outer.boundary}\r\n${one}`),
              outer.isClosed ? `--${outer.boundary}--` : '',
            ].join('\r\n'),
          ),
      ),
    tie('part').map((inner) => `Content-Type: message/rfc822\r\n\r\n${head}${inner}`),
  ),
}));

/** What a browser takes for markup. A forwarded plain text may name a script or a handler: escaped, it is text. */
const tagsOf = (html: string) => html.match(/<[^>]*(>|$)/g)?.join('') ?? '';

test('an email of any structure is read without an exception, within its bounds and safe for a page', async () => {
  await fc.assert(
    fc.asyncProperty(part, fc.nat(), fc.boolean(), async (body, cut, isCut) => {
      const whole = Buffer.from(head + body, 'utf8');
      const result = await read(isCut ? whole.subarray(0, head.length + (cut % (whole.length - head.length + 1))) : whole);
      if ('ignored' in result) return;
      for (const event of result.events) {
        if (event.kind !== 'inbound') continue;
        const { from, html = '', text = '', subject = '', attachments } = event.inbound;
        expect(from).toBe('maya@example.com');
        expect(tagsOf(html)).not.toMatch(/<script|\sonclick|<iframe|<form|cid:/i);
        expect(`${html}${text}${subject}`.includes('\u0000')).toBe(false);
        expect(`${html}${text}${subject}`.isWellFormed()).toBe(true);
        expect(attachments.length).toBeLessThanOrEqual(maxFiles);
        expect(subject.length).toBeLessThanOrEqual(maxChars.externalId);
      }
    }),
    { numRuns: 500 },
  );
});

test('an email nested a thousand times deep is refused or read, and one of many parts is read', async () => {
  const nested = Array.from(
    { length: 1_000 },
    (_, depth) => `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}`,
  );
  const outcome = await read(Buffer.from(`${head}${nested.join('\r\n')}\r\n\r\nx`)).catch((error: Error) => error.message);
  expect(outcome).toBeDefined();
  const parts = Array.from({ length: 3_000 }, (_, index) => `--b\r\nContent-Type: image/png; name=${index}.png\r\n\r\nx`);
  const wide = await read(
    Buffer.from(`${head}Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('\r\n')}\r\n--b--`),
  );
  expect(wide).toMatchObject({ events: [{ inbound: { text: expect.stringContaining('2990 further files') } }] });
});

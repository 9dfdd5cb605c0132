import fc from 'fast-check';
import {
  formatMailbox,
  isMailAddress,
  parseMailbox,
  parseRecipients,
  splitAddressList,
  toHeaderText,
} from '../../src/channels/mail/addresses.ts';
import { buildThreadHeaders } from '../../src/channels/mail/content.ts';
import { findRepliedMessage, readHeaders } from '../../src/channels/mail/headers.ts';
import { toPlainText } from '../../src/channels/mail/html-text.ts';
import { classifyMail } from '../../src/channels/mail/machine-mail.ts';
import {
  createMessageId,
  formatMessageId,
  parseIdList,
  parseOwnKey,
  parseOwnMessageId,
} from '../../src/channels/mail/message-id.ts';
import { isCallable } from '../../src/channels/mail/public-address.ts';
import { chooseSender } from '../../src/channels/mail/sender.ts';
import { buildUnsubscribeHeaders, isUnsubscribeLink } from '../../src/channels/mail/unsubscribe.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { createTestClock } from '../support/test-clock.ts';

const id = '01890000-0000-7000-8000-000000000001';

test('a list of addresses is split at its commas only, and each entry is one address or refused', () => {
  expect(splitAddressList('"Doe, Jane" <jane@example.com>, bob@example.com,, <c@example.com>')).toEqual([
    '"Doe, Jane" <jane@example.com>',
    'bob@example.com',
    '<c@example.com>',
  ]);
  const { mailboxes, refused } = parseRecipients('"Doe, Jane" <jane@example.com>, JANE@example.com, bob@, x y@example.com');
  expect(mailboxes).toEqual([{ name: 'Doe, Jane', address: 'jane@example.com' }]);
  expect(refused.map(({ address, code }) => [address, code])).toEqual([
    ['bob@', 'invalid_address'],
    ['x y@example.com', 'invalid_address'],
  ]);
});

test.each([
  'b@x.org\r\nRCPT TO:<c@x.org>',
  'friends: a@x.org, b@x.org;',
  'a@x.org b@x.org',
  'a@b@x.org',
  `${'a'.repeat(65)}@x.org`,
  'a@-x.org',
  'a@x',
  'a@x..org',
  'A <a@x.org> <b@x.org',
  '"a b"@x.org',
  '@x.org',
])('%j is no address', (text) => {
  expect(parseMailbox(text)).toBeNull();
  expect(isMailAddress(text)).toBe(false);
});

test('any name becomes one mailbox with the same address, and no header of its own', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (name) => {
      const header = formatMailbox({ name, address: 'maya@example.com' });
      expect(header).not.toMatch(/[\r\n\0]/);
      expect(splitAddressList(header)).toEqual([header]);
      const parsed = parseMailbox(header);
      expect(parsed?.address).toBe('maya@example.com');
      // The same name comes back: quotes, commas and brackets of a name stay in it.
      expect(parsed?.name ?? '').toBe(toHeaderText(name));
    }),
  );
});

test('any text is split and parsed without an error, and every parsed address is valid', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '@', '.', '<', '>', '"', ',', '\\', ' ', ':', ';', '\n', 'é') }),
      (text) => {
        for (const { address } of parseRecipients(text).mailboxes) {
          expect(address).toMatch(/^[^\s@<>,;:"]+@[^\s@<>,;:"]+\.[^\s@<>,;:"]+$/);
        }
      },
    ),
  );
});

test('the sender has the name of the message, and its address where the vendor sends for that domain', () => {
  const own = 'Harbour <hello@mg.example.com>';
  const choose = (requested: string | null) => {
    const { from, replyTo } = chooseSender(own, requested, ['mail.example.com']);
    return [formatMailbox(from), replyTo && formatMailbox(replyTo)];
  };
  expect(choose(null)).toEqual(['Harbour <hello@mg.example.com>', null]);
  expect(choose('Ana <ana@gmail.com>')).toEqual(['Ana <hello@mg.example.com>', null]);
  expect(choose('not an address')).toEqual(['Harbour <hello@mg.example.com>', null]);
  expect(choose('HELLO@mg.example.com')).toEqual(['Harbour <hello@mg.example.com>', null]);
  // Replies still go to the address that the connection receives.
  expect(choose('Ana <ana@mail.example.com>')).toEqual(['Ana <ana@mail.example.com>', 'Harbour <hello@mg.example.com>']);
});

test('a Message-ID is made from the key and leads back to our message', () => {
  expect(createMessageId(`${id}-1700000000000`, 'mg.example.com')).toBe(`${id}-1700000000000@mg.example.com`);
  expect(parseOwnMessageId(`${id}-1700000000000@mg.example.com`)).toBe(id);
  expect(parseOwnMessageId('CAx@mail.gmail.com')).toBeUndefined();
  expect(parseIdList('<a@b.c>\r\n <d@e.f>, <g@h\r\n .i>')).toEqual(['a@b.c', 'd@e.f', 'g@h.i']);
  expect(parseIdList('a@b.c d@e.f')).toEqual(['a@b.c', 'd@e.f']);
  expect(parseIdList(undefined)).toEqual([]);
  expect([formatMessageId('<a@b.c>'), formatMessageId('a@b.c')]).toEqual(['<a@b.c>', '<a@b.c>']);
  for (const text of ['hl-123', 'a@b c', 'a@b\r\nBcc: x@y.z', '']) expect(formatMessageId(text)).toBeNull();
});

test('every Message-ID that we write is ours, and no UUID of another version or in upper case', () => {
  const key = fc.record({
    ms: fc.nat(2 ** 45),
    resetAt: fc.option(fc.nat(2 ** 45)),
    random: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  });
  fc.assert(
    fc.property(key, fc.domain(), ({ ms, resetAt, random }, domain) => {
      const own = createIdGenerator(createTestClock(ms), () => Buffer.from(random))();
      const idempotencyKey = resetAt === null ? own : `${own}-${resetAt}`;
      expect(parseOwnKey(idempotencyKey)).toBe(own);
      expect(parseOwnMessageId(createMessageId(idempotencyKey, domain))).toBe(own);
      fc.pre(own !== own.toUpperCase());
      expect(parseOwnMessageId(createMessageId(own.toUpperCase(), domain))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uuid({ version: [1, 2, 3, 4, 5, 6, 8] }), fc.domain(), (uuid, domain) => {
      for (const foreign of [uuid, uuid.toUpperCase()]) expect(parseOwnMessageId(`${foreign}@${domain}`)).toBeUndefined();
    }),
  );
  expect(parseOwnMessageId(id)).toBeUndefined();
});

test('the headers of a reply name the message that it replies to, and our own id where the vendor replaces it', () => {
  const build = (replyToExternalId: string | null, ownId?: string, earlier?: { earlierExternalId: string }) =>
    buildThreadHeaders({ replyToExternalId, ...earlier }, ownId);
  expect(build(null)).toEqual({});
  expect(build('a@b.c')).toEqual({ 'In-Reply-To': '<a@b.c>', References: '<a@b.c>' });
  expect(build('a@b.c', 'o@w.n')).toEqual({ 'In-Reply-To': '<a@b.c>', References: '<a@b.c> <o@w.n>' });
  expect(build('an id of HighLevel', 'o@w.n')).toEqual({ References: '<o@w.n>' });
  const thread = { 'In-Reply-To': '<a@b.c>', References: '<e@f.g> <a@b.c> <o@w.n>' };
  expect(build('a@b.c', 'o@w.n', { earlierExternalId: '<e@f.g>' })).toEqual(thread);
});

test('the replied message is ours where any header names it, else the direct one', () => {
  const find = (headers: object) => findRepliedMessage(readHeaders(headers));
  expect(find({ 'In-Reply-To': '<a@b.c>', References: '<x@y.z> <d@e.f>' })).toEqual({ id: 'a@b.c', messageId: undefined });
  expect(find({ References: '<x@y.z> <d@e.f>' })?.id).toBe('d@e.f');
  expect(find({ 'In-Reply-To': '<ses@amazonses.com>', References: `<${id}@x.org> <ses@amazonses.com>` })).toEqual({
    id: `${id}@x.org`,
    messageId: id,
  });
  expect(find({})).toBeUndefined();
  // An Apple Mail in the thread, and another installation of this program.
  const apple = '9F1C2D3E-4B5A-4C6D-8E7F-0A1B2C3D4E5F@example.com';
  const foreign = '0199bbbb-0000-7000-8000-000000000002@other.example';
  const thread = readHeaders({ 'In-Reply-To': `<${apple}>`, References: `<${id}@x.org> <${foreign}> <${apple}>` });
  expect(findRepliedMessage(thread, 'hello@X.org')?.messageId).toBe(id);
  expect(findRepliedMessage(readHeaders({ 'In-Reply-To': `<${apple}>` }), 'x.org')).toEqual({
    id: apple,
    messageId: undefined,
  });
});

test.each([
  [{ 'content-type': 'multipart/report; report-type=delivery-status' }, 'maya@example.com', 'report'],
  [{ 'x-failed-recipients': 'a@b.c' }, 'maya@example.com', 'report'],
  [{}, 'MAILER-DAEMON@example.com', 'report'],
  [{ 'auto-submitted': 'auto-replied' }, 'maya@example.com', 'automatic_reply'],
  [{ 'auto-submitted': 'no' }, 'maya@example.com', null],
  [{ 'x-autoreply': 'yes' }, 'maya@example.com', 'automatic_reply'],
  [{ precedence: 'auto_reply' }, 'maya@example.com', 'automatic_reply'],
  [{ 'return-path': '<>' }, 'maya@example.com', 'automatic_reply'],
  [{ 'return-path': '<maya@example.com>' }, 'maya@example.com', null],
  [{ 'list-id': '<news.example.com>' }, 'news@example.com', 'mailing_list'],
  [{ 'list-unsubscribe': '<https://x.example>', 'in-reply-to': `<${id}@mg.example.com>` }, 'maya@example.com', null],
  [
    { 'list-id': '<news.example.com>', 'in-reply-to': '<9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f@example.com>' },
    'maya@example.com',
    'mailing_list',
  ],
  [{ 'x-auto-response-suppress': 'All' }, 'maya@example.com', null],
])('an email with the headers %j from %s is: %s', (headers, from, kind) => {
  expect(classifyMail(readHeaders(headers), from)).toBe(kind);
});

test('text is made from HTML: links, lists, tables and entities, without what no reader sees', () => {
  const html = `<!DOCTYPE html><html><head><title>T</title><style>p { color: red }</style></head><body>
    <h1>Hello&nbsp;Maya</h1><!-- a comment > with signs --><p>See <a href="https://x.example/a?b=1&amp;c=2">our page</a>
    or <a href="mailto:a@b.c">a@b.c</a>.<br>Fish &amp; chips &#8364;5 &#x1F41F; 3 < 5</p>
    <ul><li>One</li><li>Two</li></ul><table><tr><td>a</td><td>b</td></tr></table><img src="x" alt="A cat"><script>alert(1)</script></body></html>`;
  expect(toPlainText(html)).toBe(
    'Hello Maya\n\nSee our page (https://x.example/a?b=1&c=2) or a@b.c.\nFish & chips €5 🐟 3 < 5\n\n- One\n- Two\n\na b\n\nA cat',
  );
  expect(toPlainText('<p>a</p><p>b')).toBe('a\n\nb');
  expect(toPlainText('plain')).toBe('plain');
  expect(toPlainText('a <script>never closed')).toBe('a');
});

test('any HTML becomes text, in a time that grows with its length', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', 'a', '/', '!', '-', '"', '&', ';', 'p', ' ', '=', 'h') }),
      (html) => {
        expect(typeof toPlainText(html)).toBe('string');
      },
    ),
  );
  const pieces = ['<a ', '<a href="', '<!--', '<script>', '&amp', '</', '<', '<title></', '<p>', '<a href=x></a>'];
  for (const piece of pieces) {
    const startedAt = performance.now();
    toPlainText(piece.repeat(100_000));
    expect([piece, performance.now() - startedAt < 3_000]).toEqual([piece, true]);
  }
});

test('an unsubscribe link is of its recipient and its connection alone, and of an earlier secret as well', () => {
  const connection = { id: 'c1', webhookUrl: 'https://patchbay.example/channels/c1' };
  const headers = buildUnsubscribeHeaders(connection, 'secret', 'Maya@Example.com');
  expect(headers['List-Unsubscribe-Post']).toBe('List-Unsubscribe=One-Click');
  const url = new URL((headers['List-Unsubscribe'] ?? '').slice(1, -1));
  expect(url.href).not.toContain('secret');
  const [address, proof] = ['address', 'proof'].map((name) => url.searchParams.get(name) ?? '') as [string, string];
  expect([url.pathname, address]).toEqual(['/channels/c1/unsubscribe', 'maya@example.com']);
  expect(isUnsubscribeLink('c1', ['new', 'secret'], { address, proof })).toBe(true);
  expect(isUnsubscribeLink('c1', ['other'], { address, proof })).toBe(false);
  expect(isUnsubscribeLink('c1', [], { address, proof })).toBe(false);
  expect(isUnsubscribeLink('c2', ['secret'], { address, proof })).toBe(false);
  expect(isUnsubscribeLink('c1', ['secret'], { address: 'other@example.com', proof })).toBe(false);
});

test('a vendor can call a public address only; a simulator any', () => {
  expect(isCallable('https://patchbay.example/c', 'https://api.mailgun.net', 'mailgun.net')).toBe(true);
  for (const host of ['http://localhost:3000', 'http://10.0.0.1', 'http://app.localhost']) {
    expect(isCallable(`${host}/c`, 'https://api.eu.mailgun.net', 'mailgun.net')).toBe(false);
    expect(isCallable(`${host}/c`, 'http://127.0.0.1:1', 'mailgun.net')).toBe(true);
  }
});

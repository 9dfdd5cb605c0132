import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { judgeSender } from '../../src/channels/email/authenticity.ts';
import { createEmailConfigSchema } from '../../src/channels/email/config.ts';
import { makeHtmlSafe } from '../../src/channels/email/inbound-html.ts';
import { createLoopGuard, readMail } from '../../src/channels/email/read-mail.ts';
import { buildUnsubscribeHeaders } from '../../src/channels/mail/unsubscribe.ts';
import { createTestClock } from '../support/test-clock.ts';
import { failed, writeStatus } from './email-delivery-status.ts';

const connectionId = '0199cccc-0000-7000-8000-000000000001';
const sentId = '0199aaaa-0000-7000-8000-000000000001';

function read(
  raw: string | Buffer,
  changes: object = {},
  guard = createLoopGuard(createTestClock()),
  omittedBytes?: number,
  receivedAt = new Date('2026-01-01T00:00:00Z'),
) {
  const server = { host: 'mail.example.com', username: 'shop', password: 'p' };
  const config = createEmailConfigSchema(false).parse({
    from: 'shop@inbox.test',
    smtp: server,
    imap: { host: 'imap.example.com' },
    unverifiedSenders: 'deliver',
    ...changes,
  });
  return readMail({ id: connectionId, config, previousConfig: undefined }, guard, {
    place: { uidValidity: '1', uid: 7 },
    bytes: Buffer.from(raw),
    receivedAt,
    omittedBytes,
  });
}

const base = 'From: Maya Ray <maya@example.com>\r\nTo: shop@inbox.test\r\nSubject: Hi\r\nMessage-ID: <one@example.com>\r\n';
const inbound = async (raw: string | Buffer, changes: object = {}) => {
  const result = await read(raw, changes);
  const event = 'events' in result ? result.events[0] : undefined;
  if (event?.kind !== 'inbound') throw new Error(JSON.stringify(result));
  return event.inbound;
};

test.each<[string, string, string]>([
  ['an automatic reply', 'Auto-Submitted: auto-replied\r\n', 'auto_reply_of_no_message'],
  ['a newsletter', 'List-Unsubscribe: <https://example.com/u>\r\n', 'list'],
  ['a notice', 'Auto-Submitted: auto-generated\r\n', 'machine'],
  ['an email with an empty envelope sender', 'Return-Path: <>\r\n', 'machine'],
])('%s stays in the mailbox', async (_name, header, reason) => {
  expect(await read(`${header}${base}\r\nhello`)).toEqual({ ignored: reason });
});

test('a mail program’s mail to the address of List-Unsubscribe is the opt-out of its contact, and no message', async () => {
  const connection = { id: connectionId, webhookUrl: 'https://patchbay.example/channels/c1' };
  const headers = buildUnsubscribeHeaders(connection, 'whsec_1', 'Maya@example.com', 'shop@inbox.test');
  const [, link = ''] = /,<(mailto:[^>]+)>$/.exec(headers['List-Unsubscribe'] ?? '') ?? [];
  const { pathname, searchParams } = new URL(link);
  const subject = String(searchParams.get('subject'));
  expect(pathname).toBe('shop@inbox.test');
  const secret = { oneClickUnsubscribe: true, unsubscribeSecret: 'whsec_1' };
  const write = (line: string, more = '') => `${more}${base.replace('Subject: Hi', `Subject: ${line}`)}\r\n`;
  const optOut = { address: 'maya@example.com', optedOut: true, category: 'all', reason: 'unsubscribe link' };
  const ways = [
    write(subject),
    // As an automatic mail, from an alias, and of Apple Mail, whose subject may be folded.
    write(subject, 'Auto-Submitted: auto-generated\r\n').replace('maya@example.com', 'alias@example.org'),
    write(subject.replace(' ', '\r\n '), 'X-Apple-Unsubscribe: true\r\n'),
  ];
  for (const raw of ways) {
    expect(await read(raw, secret)).toMatchObject({ events: [{ kind: 'opt_out', optOut }] });
  }
  // Another proof is a mail as any other; so is that of another connection.
  expect(await read(write(`${subject.slice(0, -1)}~`), secret)).toMatchObject({ events: [{ kind: 'inbound' }] });
  expect(await read(write(subject), { ...secret, unsubscribeSecret: 'whsec_2' })).toMatchObject({
    events: [{ kind: 'inbound' }],
  });
});

test('the mailbox’s own emails, and those with an id of ours, stay in the mailbox', async () => {
  expect(await read(`${base.replace('maya@example.com', 'shop@inbox.test')}\r\nx`)).toEqual({ ignored: 'own_mail' });
  expect(await read(`${base.replace('one@example.com', `${sentId}@inbox.test`)}\r\nx`)).toEqual({ ignored: 'own_mail' });
  const original = `X-Google-Original-Message-ID: <${sentId}-1700000000000@Inbox.test>\r\n`;
  expect(await read(`${original}${base}\r\nx`)).toEqual({ ignored: 'own_mail' });
  // A further sender of this mailbox, and a list of the domain that replaces the sender.
  const alias = `${original}${base.replace('maya@example.com', 'team@inbox.test')}\r\nx`;
  expect(await read(alias, { senders: ['team@inbox.test'] })).toEqual({ ignored: 'own_mail' });
  expect(await read(`List-Id: <team.inbox.test>\r\n${alias}`)).toEqual({ ignored: 'own_mail' });
});

test('an email that another mailbox of the same domain has sent with this program becomes a message', async () => {
  const raw = base.replace('maya@example.com', 'maya@inbox.test').replace('one@example.com', `${sentId}@inbox.test`);
  expect(await inbound(`${raw}\r\nhello`)).toMatchObject({ from: 'maya@inbox.test', externalId: `${sentId}@inbox.test` });
});

test.each([
  ['Apple Mail', '9F1C2D3E-4B5A-4C6D-8E7F-0A1B2C3D4E5F@example.com'],
  ['Apple Mail of a colleague', '9F1C2D3E-4B5A-4C6D-8E7F-0A1B2C3D4E5F@inbox.test'],
  ['a program with UUIDs in lower case', '9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f@example.com'],
  ['another installation of this program', `${sentId}@example.com`],
])('an email that %s has written becomes a message, and no reply to one of ours', async (_name, id) => {
  const raw = `${base.replace('one@example.com', id)}\r\nhello`;
  expect(await inbound(raw)).toMatchObject({ externalId: id });
  const apple = `In-Reply-To: <9F1C2D3E-4B5A-4C6D-8E7F-0A1B2C3D4E5F@example.com>\r\n`;
  expect(await read(`${apple}${raw}`, { strangers: 'ignore' })).toEqual({ ignored: 'stranger' });
  expect(await read(`List-Id: <news.example.com>\r\n${apple}${raw}`)).toEqual({ ignored: 'list' });
});

test('the eleventh email of a sender within ten minutes ends a loop; those of an outage, which are read at once, are none', async () => {
  const guard = createLoopGuard(createTestClock());
  const readAt = (minute: number) => read(`${base}\r\nx`, {}, guard, undefined, new Date(Date.UTC(2026, 0, 1, 0, minute)));
  for (let count = 0; count < 10; count += 1) expect(await readAt(0)).toHaveProperty('events');
  expect(await readAt(0)).toEqual({ ignored: 'loop' });
  expect(await readAt(9)).toEqual({ ignored: 'loop' });
  for (let count = 1; count <= 20; count += 1) expect(await readAt(11 + count * 2)).toHaveProperty('events');
  // A rule of the mailbox has moved an old email back.
  for (let count = 0; count < 10; count += 1) expect(await readAt(200)).toHaveProperty('events');
  expect(await readAt(-600)).toHaveProperty('events');
});

test('Reply-To is never the sender, and a reply is found in References where In-Reply-To has an id of a relay', async () => {
  const headers = `Reply-To: boss@example.com\r\nIn-Reply-To: <x@relay.example>\r\nReferences: <a@b.c> <${sentId}@inbox.test> <x@relay.example>\r\n`;
  expect(await inbound(`${headers}${base}\r\nhello`)).toMatchObject({
    from: 'maya@example.com',
    name: 'Maya Ray',
    replyToExternalId: `${sentId}@inbox.test`,
  });
});

test('text in old charsets is read', async () => {
  const latin = Buffer.concat([
    Buffer.from(`${base.replace('Hi', '=?iso-8859-1?Q?Sch=F6n?=')}Content-Type: text/plain; charset=iso-8859-1\r\n\r\n`),
    Buffer.from([0x47, 0x72, 0xfc, 0xdf, 0x65]),
  ]);
  expect(await inbound(latin)).toMatchObject({ subject: 'Schön', text: expect.stringContaining('Grüße') });
});

test('text that names no charset is read as UTF-8, else as Windows-1252', async () => {
  const write = (text: string, charset: 'utf8' | 'latin1') => Buffer.from(`${base}\r\n${text}`, charset);
  expect((await inbound(write('Grüße', 'utf8'))).text).toContain('Grüße');
  expect((await inbound(write('Grüße', 'latin1'))).text).toContain('Grüße');
});

test('NUL, which no database stores, is removed', async () => {
  const { text } = await inbound(`${base}\r\na\u0000b`);
  expect(text).not.toContain('\u0000');
});

test('a calendar invitation without text is described; winmail.dat and encrypted emails have a note', async () => {
  const invitation = `${base}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Cleaning\\, 30 min\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n`;
  expect(await inbound(invitation)).toMatchObject({ text: '[Calendar invitation: Cleaning, 30 min]' });
  const winmail = `${base}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\r\n--b--\r\n`;
  expect((await inbound(winmail)).text).toContain('winmail.dat');
});

test('an email that is too large has its subject and a note', async () => {
  const result = await read(base, {}, undefined, 45_000_000);
  expect(result).toMatchObject({ events: [{ inbound: { subject: 'Hi', text: expect.stringContaining('45 MB') } }] });
  const undelivered = await read(base, {}, undefined, 2_000);
  expect(undelivered).toMatchObject({ events: [{ inbound: { text: expect.stringContaining('could not deliver') } }] });
});

test('an email of many lines is read in a thread of its own, as a short one is', async () => {
  const part = (name: string) =>
    `--b\r\nContent-Type: text/plain; name=${name}\r\nContent-Disposition: attachment\r\n\r\n${name}\r\n`;
  const write = (lines: number) =>
    `${base}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n${'\r\n'.repeat(lines)}${part('1.txt')}${part('2.txt')}--b--\r\n`;
  let threads = 0;
  const count = () => {
    threads += 1;
  };
  subscribe('worker_threads', count);
  const { text, ...short } = await inbound(write(1));
  expect(threads).toBe(0);
  const { text: longText, ...long } = await inbound(write(10_000));
  expect(threads).toBe(1);
  unsubscribe('worker_threads', count);
  expect(long).toEqual(short);
  expect(longText?.trim()).toBe(text?.trim());
});

test('an email of more lines than any that is meant to be read has its subject and a note', async () => {
  const { text, ...mail } = await inbound(`${base}\r\nhello${'\r\n'.repeat(700_000)}`);
  expect(mail).toMatchObject({ subject: 'Hi', name: 'Maya Ray', externalId: 'one@example.com', attachments: [] });
  expect(text).toBe('[The email is too complex to be shown. Only its subject is here; the email is in the mailbox.]');
});

test('HTML of more tags than any that is meant to be read comes as its text', async () => {
  expect(makeHtmlSafe('<br>'.repeat(20_000))).toContain('<br />');
  expect(makeHtmlSafe('<b>'.repeat(20_001))).toBeNull();
  const { text, html } = await inbound(`${base}Content-Type: text/html\r\n\r\n${'<b>'.repeat(20_001)}hello`);
  expect({ text: text?.trim(), html }).toEqual({ text: 'hello', html: undefined });
});

const mx = 'mx.example';
test.each<[string, string[], string | undefined, string]>([
  ['dmarc=pass', ['mx.example; dmarc=pass header.from=example.com'], mx, 'proved'],
  ['dmarc=pass of another author', ['mx.example; dmarc=pass header.from=evil.example'], mx, 'unknown'],
  ['dmarc=pass without an author', ['mx.example; dmarc=pass'], mx, 'proved'],
  ['dmarc=fail', ['mx.example; spf=pass smtp.mailfrom=evil.example; dmarc=fail header.from=example.com'], mx, 'failed'],
  ['a second dmarc', ['mx.example; dmarc=pass; dmarc=fail header.from=example.com'], mx, 'failed'],
  ['aligned DKIM', ['mx.example; dkim=pass header.d=example.com header.i=@mail.example.com'], mx, 'proved'],
  ['an aligned envelope sender', ['MX.example 1; spf = pass (ok) smtp.mailfrom = maya@example.com'], mx, 'proved'],
  ['DKIM of another domain', ['mx.example; dkim=pass header.d=evil.example'], mx, 'unknown'],
  ['DKIM of two domains', ['mx.example; dkim=pass header.d=evil.example header.d=example.com'], mx, 'unknown'],
  ['a domain that ends alike', ['mx.example; dkim=pass header.d=notexample.com'], mx, 'unknown'],
  ['a top-level domain', ['mx.example; dkim=pass header.d=com'], mx, 'unknown'],
  ['a comment', ['mx.example; spf=none (dmarc=pass; dkim=pass header.d=example.com)'], mx, 'unknown'],
  ['a comment in a comment', ['mx.example; spf=none ((\\)); dmarc=pass'], mx, 'unknown'],
  ['a quote without an end', ['mx.example; spf=pass smtp.mailfrom="a@evil.example; dmarc=fail'], mx, 'failed'],
  ['a backslash', ['mx.example; spf=pass smtp.mailfrom=a\\; dmarc=fail'], mx, 'failed'],
  ['a header below the topmost', ['mx.example; spf=none', 'mx.example; dmarc=pass'], mx, 'unknown'],
  ['another server', ['evil.example; dmarc=pass'], mx, 'unknown'],
  ['a header without a server', ['spf=pass (x) smtp.mailfrom=example.com; dmarc=pass'], '', 'proved'],
  ['one with a server, where it has none', ['evil.example; dmarc=pass'], '', 'unknown'],
  ['one of an unknown server', ['mx.example; dmarc=pass; dkim=pass header.d=example.com'], undefined, 'unknown'],
  ['a failure at an unknown server', ['mx.example; dmarc=fail'], undefined, 'failed'],
  ['no header', [], mx, 'unknown'],
])('the sender is judged by %s', (_name, headers, server, expected) => {
  expect(judgeSender(headers, 'maya@example.com', server)).toBe(expected);
});

test('what a sender writes into its address or into a comment proves nothing, and hides no failure', () => {
  const piece = fc.constantFrom(
    '; dmarc=pass',
    ' header.d=example.com',
    '; dkim=pass',
    '@example.com ',
    '"',
    '\\',
    '(',
    ')',
    ' ',
  );
  const written = fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 8 }).map((pieces) => pieces.join(''));
  const property = fc.property(written, written, fc.boolean(), fc.boolean(), (address, comment, isFirst, hasFailed) => {
    const quoted = `"${address.replace(/["\\]/g, '\\$&')}"@evil.example`;
    const sent = `spf=pass (${comment.replace(/[()\\]/g, '\\$&')}) smtp.mailfrom=${quoted}`;
    const failure = hasFailed ? ['dmarc=fail header.from=example.com'] : [];
    const header = ['mx.example', ...(isFirst ? [...failure, sent] : [sent, ...failure])].join('; ');
    expect(judgeSender([header], 'maya@example.com', mx)).toBe(hasFailed ? 'failed' : 'unknown');
  });
  fc.assert(property, { numRuns: 1_000 });
});

test('an email that fails DMARC never becomes the word of a contact, and an unproved one has a note', async () => {
  const forged = `Authentication-Results: mx.example; dmarc=fail\r\n${base}\r\nPay now`;
  expect(await read(forged)).toEqual({ ignored: 'sender_not_proved' });
  const mark = { unverifiedSenders: 'mark', authServer: 'MX.example' };
  expect((await inbound(`${base}\r\nhello`, mark)).text).toContain('did not prove');
  expect((await inbound(`Authentication-Results: mx.example; dmarc=pass\r\n${base}\r\nhello`, mark)).text).toBe('hello\n');
  expect(await read(`${base}\r\nhello`, { unverifiedSenders: 'hold' })).toEqual({ ignored: 'sender_not_proved' });
});

test('the servers that check senders at Gmail and Microsoft 365 are known; without a name no email has a note, and none is proved', async () => {
  const write = (results: string) => `Authentication-Results: ${results}\r\n${base}\r\nhello`;
  const text = async (host: string, results: string) =>
    (await inbound(write(results), { unverifiedSenders: 'mark', imap: { host } })).text;
  expect(await text('imap.gmail.com', 'mx.google.com; dmarc=pass')).not.toContain('did not prove');
  expect(await text('imap.gmail.com', 'evil.example; dmarc=pass')).toContain('did not prove');
  expect(await text('outlook.office365.com', 'spf=pass smtp.mailfrom=example.com; dmarc=pass')).not.toContain('did not prove');
  expect(await text('outlook.office365.com', 'evil.example; dmarc=pass')).toContain('did not prove');
  expect(await text('imap.example.com', 'evil.example; spf=none')).not.toContain('did not prove');
  expect(await read(write('evil.example; dmarc=pass'), { unverifiedSenders: 'hold' })).toEqual({
    ignored: 'sender_not_proved',
  });
});

test('HTML is safe for a page', () => {
  const html =
    '<p style="color:red;background:url(https://x)" onclick="x()">a</p><script>x</script><a href="javascript:x">b</a><img src="cid:1" alt="<i>logo"><img src="https://x.example/a.png" onerror="x"><form action="/x"><input></form><base href="//x"><iframe src="x"></iframe>';
  const safe = makeHtmlSafe(html);
  expect(safe).toContain('<p style="color:red">a</p>');
  expect(safe).toContain('https://x.example/a.png');
  expect(safe).not.toMatch(/script|onclick|onerror|javascript|cid:|<form|<base|iframe|url\(|<i>/);
});

test('a bounce or automatic reply is about the newest email of its thread, also where a relay has replaced the Message-ID', async () => {
  const earlierId = '0199aaaa-0000-7000-8000-000000000002';
  const references = `References: <${earlierId}@inbox.test>\r\n <theirs@example.com> <${sentId}@inbox.test>`;
  const original = ['Message-ID: <replaced@relay.example>', 'In-Reply-To: <theirs@example.com>', references];
  const bounce = await read(writeStatus(failed, original).join('\r\n'));
  expect(bounce).toMatchObject({ events: [{ receipt: { messageId: sentId, state: 'failed' } }] });
  const headers = `Auto-Submitted: auto-replied\r\nIn-Reply-To: <replaced@relay.example>\r\n${references}\r\n`;
  const absence = await read(`${headers}${base}\r\nAway until Monday.`);
  expect(absence).toMatchObject({ events: [{ receipt: { messageId: sentId, state: 'delivered' } }] });
});

test('a forged bounce without an id of ours changes no message', async () => {
  const bounce = `From: MAILER-DAEMON@evil.example\r\nTo: shop@inbox.test\r\nSubject: failed\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; evil.example\r\n\r\nFinal-Recipient: rfc822; maya@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n`;
  expect(await read(bounce)).toEqual({ ignored: 'dsn_of_no_message' });
});

import { isFromMachine, readMailReport } from '../../src/channels/email/bounces/read-mail-report.ts';
import { findOwnId } from '../../src/channels/email/bounces/report-ids.ts';
import { failed, getRecipients, read, writeStatus } from './email-delivery-status.ts';

describe('a delivery status', () => {
  test.each([
    ['failed', '5.1.1', { action: 'failed', class: 'invalid_recipient', isPermanent: true }],
    ['failed', '4.4.1', { action: 'failed', class: 'network', isPermanent: false }],
    ['delayed', '4.4.1', { action: 'delayed', class: 'network', isPermanent: false }],
    ['delivered', '2.0.0', { action: 'delivered', isPermanent: false }],
    ['relayed', '2.0.0', { action: 'relayed', isPermanent: false }],
    ['expanded (to list)', '2.0.0', { action: 'expanded', isPermanent: false }],
  ])('takes %s with status %s by its action', async (action, status, expected) => {
    const report = await read(
      writeStatus(['Final-Recipient: rfc822; Ann@Inbox.example', `Action: ${action}`, `Status: ${status}`]),
    );
    expect(getRecipients(report)).toMatchObject([{ address: 'ann@inbox.example', status, ...expected }]);
  });

  test('names the original recipient, and the final one where it differs', async () => {
    const fields = [
      'Original-Recipient: rfc822;ann+2Bshop@inbox.example',
      'Final-Recipient: rfc822; other@forward.example',
      'Action: failed',
    ];
    expect(getRecipients(await read(writeStatus(fields)))).toMatchObject([
      { address: 'ann+shop@inbox.example', finalAddress: 'other@forward.example' },
    ]);
  });

  test('reads an international address', async () => {
    const fields = ['Final-Recipient: utf-8; \\x{E9}lise@inbox.example', 'Action: failed', 'Status: 5.1.1'];
    expect(getRecipients(await read(writeStatus(fields)))).toMatchObject([{ address: 'élise@inbox.example' }]);
  });

  test('keeps apart recipients without an empty line between them', async () => {
    const fields = [...failed, 'Final-Recipient: rfc822; bob@inbox.example', 'Action: failed', 'Status: 5.2.2'];
    expect(getRecipients(await read(writeStatus(fields)))).toMatchObject([
      { address: 'ann@inbox.example', class: 'invalid_recipient' },
      { address: 'bob@inbox.example', class: 'mailbox_full' },
    ]);
  });

  test('is read from a mail whose lines end in bare carriage returns, and behind an mbox separator', async () => {
    for (const text of [writeStatus(failed).join('\r'), ['From x Mon Sep 20', ...writeStatus(failed)].join('\n')]) {
      expect(getRecipients(await readMailReport(Buffer.from(text)))).toMatchObject([{ address: 'ann@inbox.example' }]);
    }
  });
});

describe('our ids', () => {
  test('are found in the address, the envelope id, the returned headers and the text, in this order', async () => {
    const report = await read(
      writeStatus(failed, ['Message-ID: <m1.a1b2c3@shop.example>', 'References: <older@shop.example>']),
    );
    expect(report.ids).toMatchObject({
      token: 'b0123',
      originalEnvelopeId: 'env-77',
      originalMessageId: 'm1.a1b2c3@shop.example',
    });
    expect(findOwnId(report, (id) => id === 'shop+b0123@shop.example')).toMatchObject({ source: 'bounce_address' });
    expect(findOwnId(report, (id) => id === 'env-77')).toMatchObject({ source: 'envelope_id' });
    expect(findOwnId(report, (id) => id === 'm1.a1b2c3@shop.example')).toMatchObject({ source: 'original_message_id' });
    expect(findOwnId(report, (id) => id === 'older@shop.example')).toEqual({ id: 'older@shop.example', source: 'reference' });
    expect(findOwnId(report, () => true)).toMatchObject({ source: 'bounce_address' });
  });

  test('are found in a bounce that is only text', async () => {
    const text = [
      'From: MAILER-DAEMON@mx.example',
      'Subject: failure notice',
      '',
      '<ann@inbox.example>:',
      '550 5.1.1 User unknown',
      '',
    ];
    const report = await read([
      ...text,
      '--- Below this line is a copy of the message.',
      '',
      'Message-ID: <m2.x@shop.example>',
      'To: ann@inbox.example',
      '',
    ]);
    expect(findOwnId(report, (id) => id === 'm2.x@shop.example')).toMatchObject({ source: 'original_message_id' });
    expect(getRecipients(report)).toMatchObject([{ address: 'ann@inbox.example', class: 'invalid_recipient' }]);
  });

  test('are not found in a bounce about another program’s mail, which so changes no message', async () => {
    const report = await read(writeStatus(failed, ['Message-ID: <spam@elsewhere.example>']));
    expect(findOwnId(report, (id) => id.startsWith('m1.'))).toBeNull();
  });
});

describe('other reports', () => {
  const writeDisposition = (disposition: string) => [
    ...['From: ann@inbox.example', 'Subject: Read: Offer', 'MIME-Version: 1.0'],
    ...['Content-Type: multipart/report; report-type=disposition-notification; boundary=b', ''],
    ...[
      '--b',
      'Content-Type: text/plain',
      '',
      'It was shown.',
      '',
      '--b',
      'Content-Type: message/disposition-notification',
      '',
    ],
    ...[
      'Final-Recipient: rfc822; ann@inbox.example',
      'Original-Message-ID: <m1@shop.example>',
      `Disposition: ${disposition}`,
      '',
      '--b--',
    ],
  ];

  test('a disposition notification is read only when the mail was displayed', async () => {
    const shown = await read(writeDisposition('manual-action/MDN-sent-manually; displayed'));
    expect(shown).toMatchObject({ kind: 'read', recipient: 'ann@inbox.example', isDisplayed: true });
    expect(shown.ids.originalMessageId).toBe('m1@shop.example');
    const deleted = await read(writeDisposition('automatic-action/MDN-sent-automatically; deleted/error'));
    expect(deleted).toMatchObject({ kind: 'read', disposition: 'deleted', isDisplayed: false });
  });

  test('a feedback report is a complaint about its recipient', async () => {
    const report = await read([
      ...['From: fbl@vendor.example', 'Content-Type: multipart/report; report-type=feedback-report; boundary=b', ''],
      ...[
        '--b',
        'Content-Type: message/feedback-report',
        '',
        'Feedback-Type: abuse',
        'Original-Rcpt-To: <ann@inbox.example>',
        '',
      ],
      ...['--b', 'Content-Type: message/rfc822', '', 'Message-ID: <m1@shop.example>', '', 'Hi', '--b--'],
    ]);
    expect(report).toMatchObject({ kind: 'complaint', feedbackType: 'abuse', recipients: ['ann@inbox.example'] });
    expect(report.ids.originalMessageId).toBe('m1@shop.example');
  });

  const quoted = [
    '',
    '-----Original Message-----',
    'From: shop@shop.example',
    'Subject: Offer',
    'To: ann@inbox.example',
    '',
    'Hello',
  ];
  test.each([
    ['an out-of-office note from an empty return path', ['Return-Path: <>', 'Subject: Automatic reply: Offer'], 'auto_reply'],
    ['a vacation note by its header', ['Auto-Submitted: auto-replied (vacation)', 'Subject: Offer'], 'auto_reply'],
    ['one by Precedence', ['Precedence: auto_reply', 'Subject: Offer'], 'auto_reply'],
  ])('%s is an automatic response, though it says that its author was not reached', async (_, headers, kind) => {
    const text = 'I could not be reached; mail to old@inbox.example cannot be delivered. Write to bob@inbox.example.';
    const report = await read([...headers, 'From: Ann <ann@inbox.example>', 'To: shop@shop.example', '', text, ...quoted]);
    expect(report).toMatchObject({ kind, sender: 'ann@inbox.example' });
    expect(isFromMachine(report)).toBe(true);
  });
});

describe('ordinary mail', () => {
  const person = ['From: Ann <ann@inbox.example>', 'Return-Path: <ann@inbox.example>', 'To: shop@shop.example'];
  const bounce = [
    '> <bob@inbox.example>: 550 5.1.1 User unknown',
    '> Final-Recipient: rfc822; bob@inbox.example',
    '> Action: failed',
  ];

  test.each([
    [
      'a question about a bounce',
      [...person, 'Subject: Undelivered Mail Returned to Sender', '', 'Why could it not be delivered?', ...bounce],
    ],
    ['the fields of a bounce pasted in', [...person, 'Subject: failure notice', '', ...bounce.map((line) => line.slice(2))]],
    [
      'a forwarded bounce with its parts',
      [
        ...person,
        ...writeStatus(failed)
          .slice(3)
          .map((line) => line.replace('multipart/report', 'multipart/mixed').replace('Auto-Submitted', 'X-Was')),
      ],
    ],
    [
      'a report of a delivery service',
      [
        ...person,
        'Subject: Your parcel could not be delivered',
        '',
        'We could not deliver to the following recipient:',
        '',
        'ann@inbox.example',
      ],
    ],
    ['words about vacation', [...person, 'Subject: Out of office furniture', '', 'Automatic reply wanted.']],
    ['one that says that it is no automatic one', [...person, 'Auto-Submitted: no', 'Subject: Hi', '', 'Hello']],
  ])('%s is a message of a person', async (_, lines) => {
    expect(await read(lines)).toMatchObject({ kind: 'message', origin: 'person' });
  });

  test.each([
    [
      'a discussion of a list about what moved away from it',
      'list',
      ['From: ann@inbox.example', 'Precedence: bulk', 'List-Id: <x.example>', 'Subject: It moved away from us'],
    ],
    [
      'a newsletter',
      'list',
      ['From: news@shop.example', 'List-Unsubscribe: <https://shop.example/u>', 'Subject: Returned mail'],
    ],
    ['an order confirmation', 'machine', ['From: no-reply@shop.example', 'Subject: Your order failed']],
    [
      'a generated notice',
      'machine',
      ['From: cron@shop.example', 'Auto-Submitted: auto-generated', 'Subject: Error in backup'],
    ],
    ['a mail server’s notice about no mail', 'machine', ['From: postmaster@mx.example', 'Subject: Maintenance on Sunday']],
  ])('%s is a message and makes no contact', async (_, origin, headers) => {
    const report = await read([...headers, 'To: shop@shop.example', '', 'Your order is late.']);
    expect(report).toMatchObject({ kind: 'message', origin });
    expect(isFromMachine(report)).toBe(true);
  });
});

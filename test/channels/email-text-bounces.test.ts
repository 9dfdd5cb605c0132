import { failed, getRecipients, read, writeStatus } from './email-delivery-status.ts';

describe('a bounce without fields for machines', () => {
  const server = ['From: MAILER-DAEMON@mx.example', 'To: shop@shop.example', 'Subject: Returned mail', ''];
  const returned = ['', '--- Original message follows', 'Message-ID: <m1@shop.example>', 'From: shop@shop.example'];
  const toAnn = [...returned, 'To: ann@inbox.example', '', 'Hi'];

  test.each<[string, string[], object]>([
    [
      'names the recipient below a heading, in the form of X.400',
      [...server, 'Your message', '  To: list@lists.example', 'did not reach the following recipient(s):', ''].concat(
        'c=US;p=x;dda:SMTP=ANN@INBOX.EXAMPLE; on Fri',
        '  The recipient name is not recognized',
      ),
      { address: 'ann@inbox.example', class: 'invalid_recipient' },
    ],
    [
      'names an alias and the address that led to it',
      [
        ...server,
        'The following addresses had permanent fatal errors',
        'a.smith@host.example',
        '    (expanded from: <ann@inbox.example>)',
      ],
      { address: 'ann@inbox.example' },
    ],
    [
      'names the local part alone',
      [...server, 'Your mail to the following recipients could not be delivered:', '', '\tann'],
      { address: 'ann@mx.example' },
    ],
    [
      'names the reader, who is not the recipient',
      [...server, 'Sorry shop@shop.example. Your mail could not be delivered: account disabled', ...toAnn],
      { address: 'ann@inbox.example', class: 'invalid_recipient' },
    ],
    [
      'comes from an author without an address',
      ['Return-Path: <>', 'From: <>', 'Subject:', '', 'You sent mail to ann@inbox.example. That is not a valid user here.'],
      { address: 'ann@inbox.example', class: 'invalid_recipient' },
    ],
    [
      'comes from a gateway that names itself so',
      [
        'From: Scanner_for_SMTP@mx.example',
        'Subject: Delivery failure',
        '',
        'could not be delivered to the following recipients:',
        '',
        'ann@inbox.example',
      ],
      { address: 'ann@inbox.example', action: 'failed' },
    ],
    [
      'comes with an envelope sender that a server wrote for an empty one',
      [
        'Return-Path: <MAILER-DAEMON@mx.example>',
        'From: filter@mx.example',
        'Subject: Mail could not be delivered',
        '',
        'Unable to deliver to <ann@inbox.example>',
        ...toAnn,
      ],
      { address: 'ann@inbox.example' },
    ],
    [
      'says that it tries on',
      [
        ...server,
        'Delivery to this address has been postponed:',
        'ann@inbox.example',
        'We will continue to try for some days.',
      ],
      { address: 'ann@inbox.example', action: 'delayed' },
    ],
    [
      'begins with empty lines',
      ['', '   ', ...writeStatus(failed)],
      { address: 'ann@inbox.example', class: 'invalid_recipient' },
    ],
    [
      'is a report whose fields name no recipient',
      [
        'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
        'Subject: x',
        '',
        '--b',
        'Content-Type: text/plain',
        '',
        'A message could not be delivered to:',
        'ann@inbox.example',
        '--b',
        'Content-Type: message/delivery-status',
        '',
        'Reporting-MTA: mx.example',
        '',
        '--b--',
      ],
      { address: 'ann@inbox.example' },
    ],
  ])('%s', async (_, lines, expected) => {
    expect(getRecipients(await read(lines))).toMatchObject([expected]);
  });

  test('states the cause of all its recipients before the first', async () => {
    const lines = [
      'The host inbox.example is not responding. These did not receive it:',
      '<ann@inbox.example>',
      '<bob@inbox.example>',
    ];
    expect(getRecipients(await read([...server, 'Your message was undeliverable.', ...lines]))).toMatchObject([
      { address: 'ann@inbox.example', class: 'network' },
      { address: 'bob@inbox.example', class: 'network' },
    ]);
  });

  test.each([
    ['Postfach ist überfüllt', 'mailbox_full'],
    ['Not enough storage space in the mailbox', 'mailbox_full'],
    ['La cuota ha sido excedida: cuota excedida', 'mailbox_full'],
    ['Esta casilla no existe', 'invalid_recipient'],
    ["Cette adresse n'existe pas", 'invalid_recipient'],
    ['Der Empfänger existiert nicht', 'invalid_recipient'],
    ['Konto nie istnieje', 'invalid_recipient'],
    ['收件人找不到', 'invalid_recipient'],
    ['550 zen.list.example Listed by CSS', 'blocked'],
    ['They are not accepting mail with attachments', 'content'],
  ])('says %s', async (text, expected) => {
    const lines = ['Content-Type: text/plain; charset=utf-8', ...server, 'Undeliverable:', '<ann@inbox.example>:', text];
    expect(getRecipients(await read(lines))).toMatchObject([{ address: 'ann@inbox.example', class: expected }]);
  });

  test('repeats of a recipient in a loop are one', async () => {
    expect(getRecipients(await read(writeStatus([...failed, '', ...failed, '', ...failed])))).toHaveLength(1);
  });
});

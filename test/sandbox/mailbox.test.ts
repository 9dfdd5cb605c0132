import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createEmailChannel } from '../../src/channels/email/email.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { addMailbox } from '../../src/sandbox/carriers/mailbox.ts';
import { type AppConnection, createPhone } from '../../src/sandbox/phone.ts';
import { getPicture } from '../../src/sandbox/pictures.ts';
import { toMailboxExample } from '../../src/sandbox/vendors/examples.ts';
import { startWorld } from '../support/world.ts';

const maya = 'maya@ortiz.example';

test('the demo mailbox sends, brings a reply with a picture into the thread, and bounces', async () => {
  await using world = await startWorld({
    channels: () => indexChannels([createEmailChannel({ allowPrivateTargets: true })]),
  });
  const phone = createPhone({ clock: world.clock, random: randomBytes, onChange: () => undefined });
  const parts = { clock: world.clock, random: randomBytes, state: undefined, onChange: () => undefined };
  const mailbox = addMailbox(phone, { ...parts, getPort: () => ports.smtpPort });
  const ports = await mailbox.start(0);
  try {
    const location = await world.install();
    const contact = world.highlevel.addContact(location.id, { name: 'Maya Ortiz', email: maya });
    const config = toMailboxExample(mailbox.state, ports);
    const path = `/locations/${location.id}/channels/mail`;
    mailbox.state.account.isRefused = true;
    const refused = await world.api.put(path, { type: 'email', config }).expect(422);
    expect(refused.body.error.details).toEqual([
      expect.stringContaining('config.smtp.password: '),
      expect.stringContaining('config.imap.password: '),
    ]);
    mailbox.state.account.isRefused = false;
    await world.api.put(path, { type: 'email', config }).expect(200);
    const hasRead = () => world.db.connection.findFirst({ where: { state: { not: null } } });
    await world.advanceUntil(hasRead, 'the mailbox is watched');

    const { messageId } = await world.highlevel.sendMessage(location.id, {
      ...{ contactId: contact.id, providerKey: 'mail', text: 'Your appointment is at nine.' },
    });
    const [text] = await waitForTexts(1);
    expect(text).toMatchObject({ app: 'Email', text: 'Your appointment is at nine.', mail: { from: 'hello@harbour.example' } });

    const picture = getPicture('views/assets', 'sunset');
    const connection: AppConnection = { type: 'email', config, callbackUrl: '', callbackUrls: {} };
    const reply = { number: maya, name: 'Maya Ortiz', text: 'I’ll be there', picture };
    expect(phone.sendReply(reply, connection, { carrier: 'email', app: 'Email' })).toBeNull();
    const findReply = () => world.highlevel.listConversation(contact.id).find(({ direction }) => direction === 'inbound');
    await world.advanceUntil(findReply, 'the reply is in the conversation');
    expect(findReply()).toMatchObject({ text: expect.stringContaining('I’ll be there'), attachments: [expect.anything()] });
    expect(findReply()?.text).not.toContain('proved');
    await world.advanceUntil(() => world.highlevel.listStatuses(messageId).includes('read'), 'a reply marks it as read');

    const second = await world.highlevel.sendMessage(location.id, {
      ...{ contactId: contact.id, providerKey: 'mail', text: 'Second' },
    });
    const texts = await waitForTexts(3);
    expect(phone.bounce(texts[2]?.id ?? '')).toBeNull();
    expect(phone.bounce(texts[2]?.id ?? '')).toContain('already');
    await world.advanceUntil(() => world.highlevel.listStatuses(second.messageId).includes('failed'), 'the bounce has come');
    expect(world.highlevel.listConversation(contact.id)).toHaveLength(3);
  } finally {
    await mailbox.close();
  }

  async function waitForTexts(count: number) {
    await world.advanceUntil(() => phone.listTexts(maya).length >= count, `${count} emails`);
    return phone.listTexts(maya);
  }
});

test('its servers are as strict as real ones: a sign-in, the own address, and a Message-ID', async () => {
  const phone = createPhone({
    clock: { ...world(), setTimeout: () => 0 } as never,
    random: randomBytes,
    onChange: () => undefined,
  });
  const parts = { clock: world(), random: randomBytes, state: undefined, onChange: () => undefined } as never;
  const mailbox = addMailbox(phone, parts);
  const { smtpPort, imapPort } = await mailbox.start(0);
  const { address, password } = mailbox.state.account;
  const plain = (secret: string) => Buffer.from(`\u0000${address}\u0000${secret}`).toString('base64');
  const talk = async (port: number, lines: readonly string[]) => {
    const socket = connect(port, '127.0.0.1');
    let replies = '';
    socket.on('data', (chunk) => {
      replies += chunk.toString();
    });
    await once(socket, 'connect');
    socket.write(lines.map((line) => `${line}\r\n`).join(''));
    await once(socket, 'close');
    return replies.split('\r\n').filter((line) => /^(?:(?!220)\d{3} |\w+ (?:OK|NO|BAD))/.test(line));
  };
  try {
    const mail = ['MAIL FROM:<hello@harbour.example>', 'RCPT TO:<a@b.example>', 'DATA'];
    expect(await talk(smtpPort, [mail[0] ?? '', `AUTH PLAIN ${plain('wrong')}`, 'QUIT'])).toEqual([
      expect.stringMatching(/^530/),
      expect.stringMatching(/^535/),
      expect.stringMatching(/^221/),
    ]);
    const signIn = `AUTH PLAIN ${plain(password)}`;
    expect(await talk(smtpPort, [signIn, 'MAIL FROM:<x@else.example>', ...mail, 'Subject: x', '', 'x', '.', 'QUIT'])).toEqual(
      ['235', '553', '250', '250', '354', '550', '221'].map((code) => expect.stringMatching(new RegExp(`^${code}`))),
    );
    expect(await talk(imapPort, ['a EXAMINE INBOX', 'b LOGIN x y', 'c LOGOUT'])).toEqual([
      expect.stringMatching(/^a BAD/),
      expect.stringMatching(/^b NO \[AUTHENTICATIONFAILED\]/),
      'c OK Logout completed.',
    ]);
  } finally {
    await mailbox.close();
  }
});

const world = () => ({ now: () => 0, setTimeout: () => 0, clearTimeout: () => undefined });

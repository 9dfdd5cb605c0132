import { randomBytes } from 'node:crypto';
import express from 'express';
import { createMailgunChannel } from '../../src/channels/mailgun/mailgun.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { createResendChannel } from '../../src/channels/resend/resend.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createMailgun } from '../../src/sandbox/vendors/mailgun.ts';
import { createResend } from '../../src/sandbox/vendors/resend.ts';
import { listen } from '../support/http.ts';
import { startWorld, type World } from '../support/world.ts';

/** The channels for email inside the program, with vendors that call it back. */

const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
const options = { clock: systemClock, random: randomBytes, http };
const apps = { mailgun: express(), resend: express() };
let world: World;
let location: Awaited<ReturnType<World['install']>>;
let mailgun: ReturnType<typeof createMailgun>;
let resend: ReturnType<typeof createResend>;
let closeAll: () => Promise<unknown>;

beforeAll(async () => {
  const [mailgunApi, resendApi] = [await listen(apps.mailgun), await listen(apps.resend)];
  mailgun = createMailgun({ ...options, url: () => mailgunApi.url });
  resend = createResend({ ...options, url: () => resendApi.url });
  apps.mailgun.use(mailgun.router);
  apps.resend.use(resend.router);
  const allow = { allowPrivateTargets: true };
  world = await startWorld({ channels: () => indexChannels([createMailgunChannel(allow), createResendChannel(allow)]) });
  location = await world.install();
  const { apiKey, signingKey: webhookSigningKey } = mailgun.state.account;
  const domain = mailgun.state.domains[0]?.name ?? '';
  await connect('letters', 'mailgun', {
    apiKey,
    domain,
    from: `hello@${domain}`,
    webhookSigningKey,
    baseUrl: mailgunApi.url,
    oneClickUnsubscribe: true,
  });
  const [webhook] = resend.state.webhooks;
  if (webhook) webhook.endpoint = `${world.url}/`;
  const secret = { apiKey: resend.state.account.apiKey, webhookSecret: webhook?.secret };
  await connect('mail', 'resend', { ...secret, from: 'hello@harbour.example', baseUrl: resendApi.url });
  await world.advanceUntil(
    () => mailgun.state.routes.length > 0 && webhook?.endpoint.endsWith('/webhook'),
    'webhooks are registered',
  );
  closeAll = () => Promise.all([mailgunApi.close(), resendApi.close()]);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await closeAll();
  expect([mailgun.mistakes, resend.mistakes]).toEqual([[], []]);
});

async function connect(providerKey: string, type: string, config: object): Promise<void> {
  expect(await world.api.put(`/locations/${location.id}/channels/${providerKey}`, { type, config })).toMatchObject({
    status: 200,
  });
}

async function send(
  providerKey: string,
  text: string,
  more: { emailTo?: string[]; replyToAltId?: string } = {},
): Promise<string> {
  const { messageId } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    providerKey,
    text,
    ...more,
  });
  return messageId;
}

const findMail = (text: string) => mailgun.state.messages.find((mail) => mail.text === text);
const listResendMails = (text: string) => resend.state.emails.filter((mail) => mail.text === text);
const stateOf = async (highlevelId: string) => (await world.getMessage(highlevelId)).state;
const recipientsOf = (highlevelId: string) => world.highlevel.findMessage(highlevelId)?.recipients ?? {};

test('Mailgun: each recipient has a state of its own, and the email is delivered when it is for one', async () => {
  const id = await send('letters', 'to three', { emailTo: ['maya@example.com', 'bob@example.com', 'not an address'] });
  await world.advanceUntil(() => findMail('to three'));
  const mail = findMail('to three');
  await mailgun.fail(mail?.id ?? '', { code: 550, message: 'No such user', recipient: 'bob@example.com' });
  await mailgun.deliver(mail?.id ?? '', 'maya@example.com');
  await world.advanceUntil(async () => (await stateOf(id)) === 'delivered' && Object.keys(recipientsOf(id)).length === 2);
  expect(recipientsOf(id)).toEqual({
    'maya@example.com': { status: 'delivered' },
    'bob@example.com': { status: 'failed', failReason: 'No such user' },
  });
});

test('Mailgun: a reply is posted into the thread of its email, and what follows names the reply', async () => {
  const id = await send('letters', 'question');
  await world.advanceUntil(() => findMail('question'));
  const mail = findMail('question');
  await mailgun.receive({
    ...{ from: 'Maya <maya@example.com>', to: 'hello@mg.harbour.example', text: 'reply', messageId: 'CAx@mail.example' },
    headers: [['In-Reply-To', `<${mail?.id}>`]],
  });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { text: 'reply', state: 'delivered' } })) === 1);
  const posted = await world.db.message.findFirstOrThrow({ where: { text: 'reply' } });
  const sent = await world.db.message.findFirstOrThrow({ where: { highlevelMessageId: id } });
  expect([posted.replyToExternalId, posted.emailMessageId]).toEqual([mail?.id, sent.emailMessageId]);
  await send('letters', 'further', { replyToAltId: 'CAx@mail.example' });
  await world.advanceUntil(() => findMail('further'));
  const references = expect.stringMatching(/^<[0-9a-f-]{36}@mg\.harbour\.example> <CAx@mail\.example>$/);
  expect(findMail('further')?.headers).toMatchObject({ 'In-Reply-To': '<CAx@mail.example>', References: references });
});

test('Mailgun: a reply of which HighLevel names no email joins the thread of the email with its subject', async () => {
  const { receive } = mailgun;
  const to = 'hello@mg.harbour.example';
  await receive({
    from: 'Maya <maya@example.com>',
    to,
    subject: 'Molar',
    text: 'does it hurt?',
    messageId: 'CAz@mail.example',
  });
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { text: 'does it hurt?', state: 'delivered' } })) === 1,
  );
  await send('letters', 'RE: molar');
  await send('letters', 'Invoice');
  await world.advanceUntil(() => findMail('RE: molar') && findMail('Invoice'));
  const ids = { 'In-Reply-To': '<CAz@mail.example>', References: '<CAz@mail.example>' };
  expect(findMail('RE: molar')?.headers).toMatchObject(ids);
  expect(Object.keys(findMail('Invoice')?.headers ?? {})).not.toContain('In-Reply-To');
});

test('Mailgun: an automatic reply makes no contact and no message', async () => {
  const before = await world.db.message.count();
  const to = 'hello@mg.harbour.example';
  await mailgun.receive({ from: 'other@example.com', to, text: 'I am away', headers: [['Auto-Submitted', 'auto-replied']] });
  await mailgun.receive({ from: 'MAILER-DAEMON@example.com', to, text: 'Undeliverable' });
  await world.advance(3_000);
  expect(await world.db.message.count()).toBe(before);
});

test('Resend: each recipient has an email and a state of its own', async () => {
  resend.setFault(null);
  const id = await send('mail', 'two letters', { emailTo: ['maya@example.com', 'bob@example.com'] });
  await world.advanceUntil(() => listResendMails('two letters').length === 2);
  const [maya, bob] = listResendMails('two letters');
  await resend.bounce(maya?.id ?? '', { type: 'Permanent', subType: 'General', message: 'No such user' });
  await world.advanceUntil(() => Object.keys(recipientsOf(id)).length === 1);
  expect(await stateOf(id)).toBe('pending');
  await resend.deliver(bob?.id ?? '');
  await world.advanceUntil(async () => (await stateOf(id)) === 'delivered' && Object.keys(recipientsOf(id)).length === 2);
  expect(recipientsOf(id)).toEqual({
    'maya@example.com': { status: 'failed', failReason: 'No such user' },
    'bob@example.com': { status: 'delivered' },
  });
});

test('Resend: a reply finds the thread by our id, as Resend replaces the Message-ID', async () => {
  const id = await send('mail', 'letter');
  await world.advanceUntil(() => listResendMails('letter').length === 1);
  const [mail] = listResendMails('letter');
  const references = `${mail?.headers.References} ${mail?.messageId}`;
  const headers = { 'in-reply-to': mail?.messageId ?? '', references };
  await resend.receive({ from: 'Maya <maya@example.com>', to: 'hello@harbour.example', text: 'letter back', headers });
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { text: 'letter back', state: 'delivered' } })) === 1,
  );
  const sent = await world.db.message.findFirstOrThrow({ where: { highlevelMessageId: id } });
  const posted = await world.db.message.findFirstOrThrow({ where: { text: 'letter back' } });
  expect([posted.replyToExternalId, posted.emailMessageId]).toEqual([sent.id, sent.emailMessageId]);
});

test('Resend: a lost response is repeated with the same key, and no second email is sent', async () => {
  resend.setFault({ kind: 'cut' });
  const id = await send('mail', 'only once');
  await world.advanceUntil(() => listResendMails('only once').length === 1);
  resend.setFault(null);
  await world.advanceUntil(async () => (await world.getMessage(id)).reasonCode === 'awaiting_receipt');
  expect(listResendMails('only once')).toHaveLength(1);
  await resend.deliver(listResendMails('only once')[0]?.id ?? '');
  await world.advanceUntil(async () => (await stateOf(id)) === 'delivered');
});

test('the unsubscribe link shows a button, in the language of its reader, and its POST stops further emails', async () => {
  await send('letters', 'with a link');
  await world.advanceUntil(() => findMail('with a link'));
  const link = (findMail('with a link')?.headers['List-Unsubscribe'] ?? '').slice(1, -1);
  const path = link.slice(world.url.length);
  const connectionId = path.split('/')[2] ?? '';
  const find = () => world.db.optOut.findMany({ where: { liftedAt: null } });
  const countWebhooks = () => world.db.webhookActivity.count({ where: { address: `channels/${connectionId}` } });
  await world.advance(10_000);
  await world.db.webhookActivity.deleteMany();
  for (const [language, title] of [
    ['en', 'Unsubscribe'],
    ['es-MX', 'Cancelar la suscripción'],
  ] as const) {
    const page = await world.client.get(path).set('accept-language', language);
    expect([page.status, page.type, page.headers['cache-control']]).toEqual([200, 'text/html', 'no-store']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(page.text).toContain(`<html lang="${language.slice(0, 2)}">`);
    expect(page.text).toContain(`<h1>${title}</h1>`);
    expect(page.text).toMatch(/maya@example\.com.*<form method="post">.*<button/s);
  }
  await world.client.head(path).expect(200);
  expect(await find()).toEqual([]);

  const elsewhere = path.replace(connectionId, '00000000-0000-7000-8000-000000000000');
  const twice = `${path}&address=bob@example.com`;
  const broken = [
    `${path}x`,
    path.replace('maya', 'bob'),
    twice,
    path.split('?')[0] ?? '',
    elsewhere,
    '/channels/x/unsubscribe?proof=x',
  ];
  for (const one of broken) {
    const page = await world.client.get(one);
    expect([one, page.status, page.text]).toEqual([one, 404, expect.stringContaining('This link does not work')]);
    await world.client.post(one).type('form').send('List-Unsubscribe=One-Click').expect(404);
  }
  expect(await find()).toEqual([]);

  const done = await world.client.post(path).type('form').send('List-Unsubscribe=One-Click').expect(200);
  expect(done.text).toContain('You are unsubscribed');
  await world.client.post(path).expect(200);
  expect(await find()).toMatchObject([{ address: 'maya@example.com', reason: 'unsubscribe link' }]);
  await world.advance(10_000);
  expect(await countWebhooks()).toBe(0);
  const getDnd = () => world.highlevel.state.contacts[location.contact.id]?.dndSettings;
  await world.advanceUntil(() => getDnd()?.Email?.status === 'active', 'HighLevel’s do-not-disturb for email is set');
  expect(getDnd()).toMatchObject({ Email: { code: 'PATCHBAY_STOP' } });
  expect(getDnd()?.SMS?.status ?? 'inactive').toBe('inactive');
  const id = await send('mail', 'after the opt-out').catch(() => null);
  if (id) {
    await world.advanceUntil(async () => (await stateOf(id)) === 'failed');
    expect((await world.getMessage(id)).reasonCode).toBe('opted_out');
  }
  expect(listResendMails('after the opt-out')).toEqual([]);
});

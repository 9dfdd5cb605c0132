import { createHmac } from 'node:crypto';
import { startWorld } from '../../support/world.ts';

const content = { externalId: 'e-1', from: '+12025550143', text: 'hello' };

test('a wrong signature, an old one and another connection’s secret are 401; an unknown connection is 404', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  const stranger = `whsec_${Buffer.alloc(32).toString('base64')}`;
  await world.postChannelWebhook(connectionId, 'inbound', content, { secret: stranger }).expect(401);
  await world.postChannelWebhook(connectionId, 'inbound', content, { at: new Date(Date.now() - 10 * 60_000) }).expect(401);
  await world.client.post(`/channels/${connectionId}/inbound`).send(content).expect(401);
  await world.postChannelWebhook('01890000-0000-7000-8000-000000000000', 'inbound', content).expect(404);
  await world.postChannelWebhook('not-an-id', 'inbound', content).expect(404);
  await world.postChannelWebhook(connectionId, 'unheard-of', content).expect(404);
  await world.postChannelWebhook(connectionId, 'inbound', { from: '+1' }).expect(400);
  expect(await world.db.message.count()).toBe(0);
});

test('a signed body that is not UTF-8 is 400 with the reason, and one that is wrongly signed 401', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  const body = Buffer.from('{"externalId":"e","from":"+12025550143","text":"caf\u00e9"}', 'latin1');
  const timestamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac('sha256', Buffer.from(world.vendor.secret.replace('whsec_', ''), 'base64'));
  const signature = `v1,${mac.update(`id.${timestamp}.`).update(body).digest('base64')}`;
  const send = (signed: string) =>
    world.client
      .post(`/channels/${connectionId}/inbound`)
      .set({
        'webhook-id': 'id',
        'webhook-timestamp': timestamp,
        'webhook-signature': signed,
        'content-type': 'application/json',
      })
      .serialize((raw) => raw as never)
      .send(body);
  expect((await send(signature).expect(400)).body.error.message).toBe('The body is not UTF-8.');
  await send(`v1,${Buffer.alloc(32).toString('base64')}`).expect(401);
});

test('after a change of a channel’s secret the old one is valid for a day beside the new one, in both directions', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const old = world.vendor.secret;
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  await world.connect(location.id, 'sms', { secret });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'a' }, { secret: old })
    .expect(202);
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'b' }, { secret }).expect(202);
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => world.vendor.requests.length === 1);
  expect(String(world.vendor.requests[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  world.vendor.wrongSignatures.length = 0;
  world.clock.jump(25 * 60 * 60_000);
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'c' }, { secret: old })
    .expect(401);
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'c' }, { secret }).expect(202);
});

import { message, startTwilioWorld, type TwilioWorld } from './twilio-world.ts';

/** Sends a message whose response is lost. */
async function loseResponse(world: TwilioWorld, outbound = message, config = {}) {
  const since = new Date(world.clock.now());
  world.twilio.setFault({ kind: 'cut' });
  const outcome = await world.channel.send(world.createContext(config), outbound);
  expect(outcome).toMatchObject({ kind: 'unknown' });
  world.twilio.setFault(null);
  return since;
}

const lookUp = (world: TwilioWorld, since: Date, outbound = message, config = {}) =>
  world.channel.lookUpSend?.(world.createContext(config), outbound, since);

describe('a send whose response was lost', () => {
  test('is found while it waits at Twilio, on its way and at its end', async () => {
    await using world = await startTwilioWorld();
    const since = await loseResponse(world);
    const [{ sid } = { sid: '' }] = world.twilio.state.messages;
    expect(await lookUp(world, since)).toMatchObject({ kind: 'accepted', externalIds: [sid] });
    await world.clock.tick(1_000);
    expect(await lookUp(world, since)).toMatchObject({ kind: 'accepted', externalIds: [sid] });
    world.twilio.deliver(sid);
    expect(await lookUp(world, since)).toMatchObject({ kind: 'delivered', externalIds: [sid] });
  });

  test('is rejected where Twilio could not deliver it, with the opt-out that is the reason', async () => {
    await using world = await startTwilioWorld();
    const since = await loseResponse(world);
    const [{ sid } = { sid: '' }] = world.twilio.state.messages;
    world.twilio.fail(sid, 63014);
    expect(await lookUp(world, since)).toMatchObject({ kind: 'rejected', code: '63014', optedOut: 'all' });
  });

  test('is not found where the request never arrived, nor where Twilio can’t be asked', async () => {
    await using world = await startTwilioWorld();
    const since = new Date(world.clock.now());
    expect(await lookUp(world, since)).toBeNull();
    await loseResponse(world);
    expect(await lookUp(world, since, message, { authToken: 'wrong' })).toBeNull();
    expect(await lookUp(world, since, message, { baseUrl: 'http://127.0.0.1:9' })).toBeNull();
  });

  test('is none of another text, recipient, number of files, sender, time or direction', async () => {
    await using world = await startTwilioWorld();
    const since = await loseResponse(world);
    expect(await lookUp(world, since, { ...message, text: 'Hello' })).toBeNull();
    expect(await lookUp(world, since, { ...message, to: '+12025550144' })).toBeNull();
    expect(await lookUp(world, since, { ...message, attachments: ['https://files.example/a'] })).toBeNull();
    expect(await lookUp(world, since, message, { from: '+12025550101' })).toBeNull();
    expect(await lookUp(world, new Date(since.getTime() + 6_000))).toBeNull();
    expect(await lookUp(world, new Date(since.getTime() + 4_000))).toMatchObject({ kind: 'accepted' });
    const [sent] = world.twilio.state.messages;
    if (sent) sent.direction = 'inbound';
    expect(await lookUp(world, since)).toBeNull();
  });

  test('is no equal message just before it, which has its id already', async () => {
    await using world = await startTwilioWorld();
    const before = await world.channel.send(world.createContext(), message);
    const [known] = (before as { externalIds?: readonly string[] }).externalIds ?? [];
    const find = () =>
      world.channel.lookUpSend?.(world.createContext(), message, new Date(world.clock.now()), async (id) => id === known);
    expect(await find()).toBeNull();
    await loseResponse(world);
    const [, own] = world.twilio.state.messages;
    expect(await find()).toMatchObject({ kind: 'accepted', externalIds: [own?.sid] });
  });

  test('is found on a later page, and before midnight', async () => {
    await using world = await startTwilioWorld();
    await world.clock.tick(Date.parse('2026-03-01T23:59:59Z') - world.clock.now());
    const since = await loseResponse(world);
    await world.clock.tick(60_000);
    const context = world.createContext();
    for (let index = 0; index < 120; index++) await world.channel.send(context, { ...message, text: `later ${index}` });
    await world.clock.tick(1_000);
    expect(await lookUp(world, since)).toMatchObject({ kind: 'accepted', externalIds: [world.twilio.state.messages[0]?.sid] });
    expect(world.calls.some(({ query }) => query.get('Page') === '1')).toBe(true);
  });

  test('of a Messaging Service is found before it has a sender, and a trial’s text before ours is left out', async () => {
    await using world = await startTwilioWorld();
    const config = { messagingServiceSid: world.service.sid };
    const since = await loseResponse(world, message, config);
    expect(await lookUp(world, since, message, config)).toMatchObject({ kind: 'accepted' });
    const [sent] = world.twilio.state.messages;
    if (sent) sent.body = `Sent from your Twilio trial account - ${sent.body}`;
    expect(await lookUp(world, since, message, config)).toMatchObject({ kind: 'accepted' });
  });

  test('with parts is found part by part, and those that follow are left to the next attempt', async () => {
    await using world = await startTwilioWorld();
    const config = { from: world.whatsApp };
    const parts = { ...message, attachments: ['https://files.example/a', 'https://files.example/b'] };
    const since = await loseResponse(world, parts, config);
    const found = await lookUp(world, since, parts, config);
    const [first] = world.twilio.state.messages;
    expect(found).toMatchObject({ kind: 'unavailable', acceptedParts: [first?.sid] });
    const rest = { ...parts, acceptedParts: [first?.sid ?? ''] };
    const later = await loseResponse(world, rest, config);
    const [, second] = world.twilio.state.messages;
    expect(await lookUp(world, later, rest, config)).toMatchObject({
      kind: 'accepted',
      externalIds: [first?.sid, second?.sid],
    });
  });
});

test('the state of a message is asked for by its id', async () => {
  await using world = await startTwilioWorld();
  const context = world.createContext();
  await world.channel.send(context, message);
  const [{ sid } = { sid: '' }] = world.twilio.state.messages;
  expect(await world.channel.lookUpReceipt?.(context, sid)).toBeNull();
  world.twilio.deliver(sid);
  const occurredAt = expect.any(Date);
  expect(await world.channel.lookUpReceipt?.(context, sid)).toMatchObject({ externalId: sid, state: 'delivered', occurredAt });
  const before = world.calls.length;
  expect(await world.channel.lookUpReceipt?.(context, '../../Keys')).toBeNull();
  expect(world.calls.length).toBe(before);
  expect(await world.channel.lookUpReceipt?.(context, `SM${'0'.repeat(32)}`)).toBeNull();
});

test('a failed message has Twilio’s code and a reason in words', async () => {
  await using world = await startTwilioWorld();
  const context = world.createContext();
  await world.channel.send(context, message);
  const [{ sid } = { sid: '' }] = world.twilio.state.messages;
  world.twilio.fail(sid, 30007);
  const error = { code: '30007', message: expect.stringContaining('carrier') };
  expect(await world.channel.lookUpReceipt?.(context, sid)).toMatchObject({ state: 'failed', error });
});

import { startWorld } from '../support/world.ts';

const hourMs = 60 * 60_000;
const eventCount = 12;

test('triggers of a location that must be reconnected wait without calls, and fire once it is', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const { highlevel, db } = world;
  const location = await world.setUpLocation();
  const { trigger } = await highlevel.addTrigger(location.id, 'opted_out');
  highlevel.behaviour.canReconnect = false;
  highlevel.revokeTokens();
  const countRefused = () => highlevel.calls.listByOperation('executeTrigger').filter(({ status }) => status === 401).length;
  const getStatus = async () => (await db.installation.findFirstOrThrow({ where: { resourceId: location.id } })).status;

  for (let n = 0; n < eventCount; n++) {
    await world.api.put(`/locations/${location.id}/opt-outs/%2B120255501${10 + n}`, { reason: 'asked' }).expect(200);
  }
  await world.advanceUntil(async () => (await getStatus()) === 'reauth_required');
  const refusedBefore = countRefused();
  await world.advance(hourMs, 60_000);
  expect(countRefused()).toBe(refusedBefore);
  expect(await db.triggerEvent.count({ where: { outcome: null } })).toBe(eventCount);

  await world.finishInstall(highlevel.approveInstall(location.id));
  // By their backoff they would wait for a quarter of an hour.
  const installedAt = world.clock.now();
  await world.advanceUntil(() => trigger.executions.length === eventCount, 'all have fired');
  expect(world.clock.now() - installedAt).toBeLessThan(5 * 60_000);
});

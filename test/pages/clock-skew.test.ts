import { signInOperator } from '../support/operator-session.ts';
import { startWorld } from '../support/world.ts';

test.each([
  ['ahead of', 120_000],
  ['behind', -120_000],
])('a host whose clock is two minutes %s the database’s is reported on the system page', async (how, skewMs) => {
  await using world = await startWorld({
    isIdle: true,
    clocks: (clock) => ({ clock, readTime: async () => clock.now() - skewMs }),
  });
  const { get } = await signInOperator(world);
  expect((await get('').expect(200)).text).toContain(`This host’s clock is 2 min ${how} the database’s`);
});

test('clocks that agree are not mentioned', async () => {
  await using world = await startWorld({ isIdle: true });
  const { get } = await signInOperator(world);
  expect((await get('').expect(200)).text).not.toContain('id="skew"');
});

import { installPackages } from '../support/packages.ts';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';

test.concurrent('a channel from a package is offered and connected like ours', async () => {
  await using world = await startProduction();
  await using program = await world.start(installPackages('patchbay-echo-channel'));
  await world.setUpLocation(program);
  const response = await fetch(`${program.url}/api/locations/${world.location.id}/channels/sms?verify=false`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'echo', config: { apiKey: 'key', webhookSecret: 'secret' } }),
  });
  expect(await response.json()).toMatchObject({ type: 'echo', status: 'active' });
  expect(response.status).toBe(200);
});

test.concurrent('packages with problems stop the start: all are listed, and the exit code is 1', async () => {
  await using world = await startProduction();
  const settings = installPackages('patchbay-no-such-channel', 'uuid', 'patchbay-echo-channel');
  await using program = await world.start(settings, { isReady: false });
  expect(program.child.exitCode).toBe(1);
  expect(program.output()).toContain(
    [
      'CHANNEL_PACKAGES has 2 problems:',
      '  - patchbay-no-such-channel: is not installed in Patchbay’s folder (npm install patchbay-no-such-channel)',
      '  - uuid: exports no channel, neither as default nor as channel',
    ].join('\n'),
  );
});

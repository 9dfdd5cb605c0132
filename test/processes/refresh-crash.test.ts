import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

/** A refresh spends its token in the middle of the work; a process may die at any of its steps. Side by side, as they mostly wait for leases. */

const refresh = 'token:refresh_token';

test.concurrent.each([
  ['before the response to the call', { hang: true }],
  ['after the call and before the commit', { hang: 'after_handling' }],
] as const)(
  'kill -9 in a refresh, %s: the next process finishes it, and no user is asked to install again',
  async (_name, does) => {
    // A machine that is busy with other tests may need longer to start a process again than HighLevel's 30 seconds. It must not take the
    // minute that is between two renewals.
    await using world = await startProduction({ refreshReuseSeconds: 55 });
    const { calls } = world.highlevel;
    let sent: { messageId: string };
    {
      await using program = await world.start();
      await world.setUpLocation(program);
      world.highlevel.expireTokens();
      world.highlevel.faults.add({ operation: refresh, times: 1, effect: does });
      sent = await world.sendMessage(0);
      await pollUntil(() => calls.listByOperation(refresh).length === 1, 'a refresh is under way');
      await program.end('SIGKILL');
    }
    await using again = await world.start();
    await pollUntil(() => world.highlevel.listStatuses(sent.messageId).length > 0, 'it is reported');
    expect(calls.listByOperation(refresh)).toHaveLength(2);
    expect(calls.listByOperation('reconnect')).toEqual([]);
    expect(await world.getFromApi(again, `/locations/${world.location.id}`)).toMatchObject({ status: 'active' });
    expect(world.vendor.listReceived()).toHaveLength(1);
  },
);

test.concurrent('kill -9 in a refresh, after the commit: the next process uses what was committed', async () => {
  await using world = await startProduction();
  const { calls } = world.highlevel;
  let sent: { messageId: string };
  {
    await using program = await world.start();
    await world.setUpLocation(program);
    world.highlevel.expireTokens();
    // The token is used only once it is committed, so a call with it proves the commit.
    world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 401 } });
    world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { hang: true } });
    sent = await world.sendMessage(0);
    await pollUntil(() => calls.listByOperation('updateMessageStatus').length === 2, 'the new token is used');
    await program.end('SIGKILL');
  }
  await using again = await world.start();
  await pollUntil(() => world.highlevel.listStatuses(sent.messageId).length > 0, 'it is reported');
  expect(calls.listByOperation(refresh)).toHaveLength(1);
  expect(again.child.exitCode).toBeNull();
});

test.concurrent('kill -9 in the middle of an agency’s install: the next process goes on where it was', async () => {
  await using world = await startProduction();
  const company = world.highlevel.addCompany();
  for (let count = 0; count < 60; count++) world.highlevel.addLocation({ companyId: company.id });
  const { calls } = world.highlevel;
  {
    await using program = await world.start();
    await fetch(`${program.url}/oauth/callback?code=${world.highlevel.approveCompanyInstall(company.id)}`);
    await pollUntil(() => calls.listByOperation('mintLocationToken').length > 15, 'some have their token');
    await program.end('SIGKILL');
  }
  await using again = await world.start();
  const isDone = async () => (await world.getFromApi(again, `/companies/${company.id}`)).locations?.active === 60;
  await pollUntil(isDone, 'all are connected', 150_000);
  // Requests that were running when it was killed may be repeated once.
  expect(calls.listByOperation('mintLocationToken').length).toBeLessThanOrEqual(60 + 20);
  expect(calls.all.filter(({ refusal }) => refusal === 'rate')).toEqual([]);
}, 240_000);

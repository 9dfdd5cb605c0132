import { setTimeout } from 'node:timers/promises';
import { listPeriodicTasks, startPeriodicTasks } from '../../src/worker/periodic-tasks.ts';
import { startWorker } from '../../src/worker/queue-handlers.ts';
import { countStatements } from '../support/count-statements.ts';
import { createTestDatabase } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

/** Starts a worker with all that one runs, and counts its statements. */
async function startIdleWorker() {
  const { target, remove } = await createTestDatabase();
  const statements = countStatements(target);
  const world = await startWorld({ isIdle: true, hasWorkflows: true, services: { database: target } });
  await startWorker(world.services);
  const stopTasks = startPeriodicTasks(world.services, listPeriodicTasks(world.services));
  return {
    world,
    statements,
    async runSeconds(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        await world.clock.tick(1_000);
        await setTimeout(20);
      }
    },
    async [Symbol.asyncDispose]() {
      await stopTasks();
      await world[Symbol.asyncDispose]();
      statements[Symbol.dispose]();
      await remove();
    },
  };
}

test('an idle worker asks the database four times a second at most, all its tasks together', async () => {
  await using worker = await startIdleWorker();
  await worker.runSeconds(10);
  const before = worker.statements.count();
  await worker.runSeconds(60);
  expect(worker.statements.count() - before).toBeLessThan(240);
});

test('a job whose notification was lost runs all the same', async () => {
  await using worker = await startIdleWorker();
  const { db } = worker.world;
  await worker.runSeconds(3);
  const id = worker.world.services.newId();
  await db.job.create({
    data: {
      queue: 'highlevel',
      messageId: id,
      groupKey: 'group',
      orderingKey: id,
      priority: 0,
      isHead: true,
      dueAt: new Date(0),
    },
  });
  for (let seconds = 0; (await db.job.count()) > 0; seconds++) {
    expect(seconds).toBeLessThan(30);
    await worker.runSeconds(1);
  }
});

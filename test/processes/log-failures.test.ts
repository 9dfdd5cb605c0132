import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createDataFolder } from '../support/databases.ts';
import { findFreePorts, pollUntil, spawnProgram } from '../support/program.ts';

const isResponding = async (url: string) => (await fetch(url).catch(() => null))?.status === 200;

/** Starts the program with a log that goes to trouble, lets it log much, and ends it. */
async function runWith(output: 'pipe' | number): Promise<void> {
  using folder = createDataFolder();
  const port = String(await findFreePorts());
  const child = spawnProgram({ DATA_DIR: folder.path, PORT: port, LOG_LEVEL: 'trace' }, 'node', output);
  try {
    await pollUntil(() => isResponding(`http://127.0.0.1:${port}/readyz`), 'it is ready');
    // Each of these is refused and logged, and all together are more than a pipe holds.
    for (let round = 0; round < 60; round++) {
      const requests = Array.from({ length: 20 }, () =>
        fetch(`http://127.0.0.1:${port}/webhooks/providers/sms`, { method: 'POST', body: '{}' }).then((response) =>
          response.text(),
        ),
      );
      await Promise.all(requests);
    }
    expect(await isResponding(`http://127.0.0.1:${port}/healthz`)).toBe(true);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
}

test('a log on a full disk does not stop the process', async () => {
  await runWith(openSync('/dev/full', 'w'));
});

test('a log without a reader does not stop the process', async () => {
  await runWith('pipe');
});

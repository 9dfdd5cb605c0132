import { once } from 'node:events';
import { openSync } from 'node:fs';
import { dataFolder } from '../support/databases.ts';
import { eventually, freePorts, spawnProgram } from '../support/program.ts';

const answers = async (url: string) => (await fetch(url).catch(() => null))?.status === 200;

/** Starts the program with a log that goes to trouble, lets it log much, and ends it. */
async function runWith(output: 'pipe' | number): Promise<void> {
  using folder = dataFolder();
  const port = String(await freePorts());
  const child = spawnProgram({ DATA_DIR: folder.path, PORT: port, LOG_LEVEL: 'trace' }, 'node', output);
  try {
    await eventually(() => answers(`http://127.0.0.1:${port}/readyz`), 'it is ready');
    // Each of these is refused and logged, and all together are more than a pipe holds.
    for (let round = 0; round < 60; round++) {
      const requests = Array.from({ length: 20 }, () =>
        fetch(`http://127.0.0.1:${port}/webhooks/providers/sms`, { method: 'POST', body: '{}' }).then((answer) =>
          answer.text(),
        ),
      );
      await Promise.all(requests);
    }
    expect(await answers(`http://127.0.0.1:${port}/healthz`)).toBe(true);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
}

test('a log on a full disk stops nothing', async () => {
  await runWith(openSync('/dev/full', 'w'));
});

test('a log that nobody reads stops nothing', async () => {
  await runWith('pipe');
});

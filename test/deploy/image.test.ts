import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuiltImage, buildImage, makeReadOnly, toRealPaths } from '../support/dockerfile.ts';
import { startProduction } from '../support/production.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';

const root = resolve(import.meta.dirname, '../..');
/** The image's user; a process of root becomes it, as the image does. */
const uid = process.getuid?.() === 0 ? 1000 : undefined;

let folder: ReturnType<typeof createTemporaryFolder>;
let image: BuiltImage;

beforeAll(() => {
  folder = createTemporaryFolder();
  chmodSync(folder.path, 0o755);
  image = buildImage(root, folder.path, uid);
  makeReadOnly(image, ['/data', '/tmp'], uid);
}, 600_000);

afterAll(() => {
  // Its owner may again delete what is in it.
  spawnSync('chmod', ['-R', 'u+w', folder.path]);
  folder[Symbol.dispose]();
});

test('the image holds what the program imports, its compiled code, and neither development packages nor sources of tests', () => {
  const app = join(image.folder, 'app');
  expect(readdirSync(app).toSorted()).toEqual(
    ['compile-cache', 'node_modules', 'package.json', 'prisma', 'scripts', 'src', 'views'].toSorted(),
  );
  for (const name of ['jest', 'typescript', 'prisma', 'playwright-core', 'node', '@biomejs']) {
    expect({ name, isInstalled: existsSync(join(app, 'node_modules', name)) }).toEqual({ name, isInstalled: false });
  }
  const compiled = readdirSync(join(app, 'compile-cache'), { recursive: true });
  expect(compiled.length).toBeGreaterThan(1_000);
});

test('it starts on a read-only file system as a user without rights, delivers a message, is healthy, and ends at SIGTERM', async () => {
  await using world = await startProduction();
  const [command = '', ...args] = image.command;
  expect(command).toBe('node');
  const cwd = join(image.folder, image.workFolder);
  const environment = { ...toRealPaths(image), HOME: '/nonexistent', TMPDIR: join(image.folder, 'tmp') };
  // The port of the world and its database stand in the place of what an operator sets.
  const { PORT: _, ...ofImage } = environment as Record<string, string>;
  if (uid === undefined) expect(() => writeFileSync(join(cwd, 'src/main.ts'), '')).toThrow();
  await using program = await world.start(ofImage, { by: { command: process.execPath, args, cwd, uid } });

  const checkHealth = (port: string) => {
    const [, ...script] = image.healthCheck;
    return spawnSync(process.execPath, script, { cwd, env: { PORT: port } }).status;
  };
  expect(checkHealth(new URL(program.url).port)).toBe(0);
  expect(checkHealth('1')).toBe(1);

  await world.setUpLocation(program);
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const { messageId } = await world.sendMessage(0);
  await pollUntil(() => world.highlevel.listStatuses(messageId).includes('delivered'), 'the message is reported');
  expect(world.vendor.listReceived()).toHaveLength(1);
  expect((await fetch(`${program.url}/`)).status).toBe(200);

  expect(await program.end('SIGTERM')).toBe(0);
  expect(program.output()).toContain('"msg":"stopped"');
  expect(program.output()).not.toMatch(/EACCES|EROFS|"level":"(warn|error|fatal)".*compile/);
  accessSync(join(image.folder, 'data'), constants.R_OK);
}, 300_000);

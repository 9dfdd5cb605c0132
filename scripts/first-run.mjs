// Runs before `npm start`, `npm test` and the like, on any Node since 18: installs missing packages, so that one command is enough
// on a fresh clone. Takes a few milliseconds when all is installed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);
const stamp = path('node_modules', '.patchbay-first-run');
const inputs = ['package-lock.json', 'prisma/schema.prisma', 'prisma.config.ts'];
const fingerprint = inputs
  .map((file) =>
    createHash('sha256')
      .update(readFileSync(path(file)))
      .digest('hex'),
  )
  .join('\n');
const done = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';

if (done !== fingerprint || !existsSync(path('prisma', 'generated', 'client.ts'))) {
  const [lockNow] = fingerprint.split('\n');
  const [lockDone] = done.split('\n');
  if (lockNow !== lockDone && !isInstalledByHand()) {
    console.log('Installing packages (once) ...');
    run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  console.log('Generating the database client ...');
  const node = path('node_modules', '.bin', process.platform === 'win32' ? 'node.exe' : 'node');
  run(existsSync(node) ? node : process.execPath, [path('node_modules', 'prisma', 'build', 'index.js'), 'generate'], 'pipe');
  writeFileSync(stamp, fingerprint);
}

/** Returns true when a developer ran `npm ci` or `npm install` after the last change of the lock file. */
function isInstalledByHand() {
  const marker = path('node_modules', '.package-lock.json');
  return existsSync(marker) && statSync(marker).mtimeMs > statSync(path('package-lock.json')).mtimeMs;
}

function run(command, args, output = 'inherit') {
  try {
    execFileSync(command, args, { cwd: root, stdio: ['ignore', output, output], shell: process.platform === 'win32' });
  } catch (error) {
    if (output === 'pipe') console.error(String(error.stdout), String(error.stderr));
    console.error(`\n${command} ${args.join(' ')} failed; see above.`);
    process.exit(1);
  }
}

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const example = resolve(root, 'examples/echo-channel');
const guide = readFileSync(resolve(root, 'docs/adding-a-channel.md'), 'utf8');

/** Assembles the code blocks of the guide that name a file. */
function assembleFiles(): Map<string, string> {
  const blocks = [...guide.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)];
  const byFile = Map.groupBy(blocks, ([, file = '']) => file);
  return new Map([...byFile].map(([file, parts]) => [file, parts.map(([, , code = '']) => code).join('\n')]));
}

test('the steps of the guide are the template, on which the contract suite runs', () => {
  const files = assembleFiles();
  expect([...files.keys()].sort()).toEqual(['index.js', 'package.json']);
  for (const [file, content] of files) expect(content).toBe(readFileSync(join(example, file), 'utf8'));
});

test('the code of the guide has the types of the interface', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-guide-'));
  try {
    for (const [file, content] of assembleFiles()) writeFileSync(join(folder, file), content);
    symlinkSync(resolve(root, 'node_modules'), join(folder, 'node_modules'));
    const { compilerOptions } = JSON.parse(readFileSync(join(example, 'tsconfig.json'), 'utf8'));
    const paths = { 'patchbay/channel': [resolve(root, 'src/channels/channel.ts')] };
    const config = { compilerOptions: { ...compilerOptions, paths }, include: ['index.js'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const check = promisify(execFile)(resolve(root, 'node_modules/.bin/tsc'), ['-p', folder]);
    const { stdout } = await check.catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the files and the members that the guide names exist', () => {
  const links = [...guide.matchAll(/\]\(\.\.\/([^)#]+)\)/g)].map(([, path = '']) => path);
  const named = [...guide.matchAll(/`((?:src|test|examples|docs)\/[\w./-]+\.ts)`/g)].map(([, path = '']) => path);
  const missing = [...links, ...named].filter((path) => {
    try {
      readFileSync(resolve(root, path));
      return false;
    } catch (error) {
      return (error as { code?: string }).code !== 'EISDIR';
    }
  });
  expect(missing).toEqual([]);
  const sources = ['channel', 'messages', 'context', 'setup', 'webhooks', 'session', 'tools']
    .map((file) => readFileSync(resolve(root, `src/channels/${file}.ts`), 'utf8'))
    .join('\n');
  const members = ['getCapabilities', 'lookUpReceipt', 'registerWebhooks', 'getPairing', 'listTemplates', 'acceptedParts'];
  for (const member of [...members, 'fetchBytes', 'previousConfig', 'carriesSends', 'createWebhookError']) {
    expect(guide).toContain(member);
    expect(sources).toContain(member);
  }
});

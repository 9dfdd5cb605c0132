// Writes the files with which HighLevel's command line tool sets up the app's webhooks, workflow actions and triggers.
//
//   npm run marketplace                                            writes marketplace/, with an example address
//   npm run marketplace -- --url https://host --into ../my-app     writes them into a workspace that `ghl app pull` has made
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildMarketplaceFiles, exampleOptions, marketplaceScopes } from '../src/workflows/marketplace-files.ts';

const { values } = parseArgs({ options: { url: { type: 'string' }, into: { type: 'string' } } });
const folder = resolve(values.into ?? join(import.meta.dirname, '../marketplace'));
const write = (path, content) => {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  console.log(path);
};

if (!values.into) {
  for (const [path, content] of buildMarketplaceFiles(exampleOptions)) write(path, content);
  write('scopes.json', marketplaceScopes);
} else {
  const manifest = join(folder, 'ghl-app.json');
  if (!existsSync(manifest)) fail(`${folder} has no ghl-app.json: make the workspace with “ghl app pull” first.`);
  if (!/^https:\/\/[^/]+$/.test(values.url ?? ''))
    fail('--url must be the app’s public address, such as https://patchbay.example.com');
  const app = JSON.parse(readFileSync(manifest, 'utf8'));
  const { appId, versionId } = app;
  for (const [path, content] of buildMarketplaceFiles({ appUrl: values.url, appId, versionId })) {
    const known = existsSync(join(folder, path)) ? JSON.parse(readFileSync(join(folder, path), 'utf8')) : null;
    // A version that is published cannot be changed, and the portal names what it knows.
    if (known?.templateId) console.log(`${path}: kept, as the portal has it. Compare it with marketplace/${path}.`);
    else write(path, content);
  }
  const scopes = [...new Set([...(app.oauth?.allowedScopes ?? []), ...marketplaceScopes])];
  write('ghl-app.json', { ...app, oauth: { ...app.oauth, allowedScopes: scopes } });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { actions, optOutBranches, sendBranches, triggers } from '../../src/workflows/definitions.ts';
import { buildMarketplaceFiles, exampleOptions, marketplaceScopes } from '../../src/workflows/marketplace-files.ts';

const folder = resolve(import.meta.dirname, '../../marketplace');
const files = buildMarketplaceFiles(exampleOptions);

type Row = Record<string, unknown>;
type Version = { inputs?: Row[]; filters?: Row[]; customVars: Row[]; customVarsJson: Row; info: Row; executionConfig?: Row };

const versions = [...files].flatMap(([path, file]) =>
  'versions' in file ? (file.versions as Version[]).map((version) => ({ path, version })) : [],
);

test('marketplace/ is what the program serves: run “npm run marketplace” after a change', () => {
  for (const [path, content] of files) {
    expect({ path, content: JSON.parse(readFileSync(join(folder, path), 'utf8')) }).toEqual({ path, content });
  }
  expect(JSON.parse(readFileSync(join(folder, 'scopes.json'), 'utf8'))).toEqual(marketplaceScopes);
  const stored = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.json'));
  expect(stored.toSorted()).toEqual([...files.keys(), 'scopes.json'].toSorted());
});

test('the files follow the rules of HighLevel’s command line tool', () => {
  expect(Object.keys(triggers).length).toBeLessThanOrEqual(20);
  for (const { path, version } of versions) {
    const { info, customVars, customVarsJson, inputs = [], filters = [] } = version;
    expect(`${path} ${String(info.description).length <= 200}`).toBe(`${path} true`);
    // Texts of white-label apps must not name HighLevel.
    expect(JSON.stringify(info)).not.toMatch(/highlevel|ghl|leadconnector/i);
    for (const { reference, fieldType } of customVars) {
      const value = customVarsJson[reference as string];
      expect([path, reference, typeof value]).toEqual([path, reference, fieldType === 'boolean' ? 'boolean' : 'string']);
    }
    // A filter is a field of what starts the workflow.
    for (const { field } of filters)
      expect([path, Object.keys(customVarsJson).includes(field as string)]).toEqual([path, true]);
    expect(inputs.filter(({ fieldType }) => fieldType === 'DYNAMIC').length).toBeLessThanOrEqual(1);
    const names = inputs.map(({ field }) => field as string);
    expect(new Set(names).size).toBe(names.length);
    for (const { field, fieldType, options } of [...inputs, ...filters]) {
      expect([path, field, /^[A-Za-z]\w*$/.test(field as string)]).toEqual([path, field, true]);
      expect([path, field, Array.isArray(options) && options.length > 0]).toEqual([path, field, fieldType === 'select']);
    }
    // No file holds the secret.
    expect(JSON.stringify(version)).toMatch(/"x-patchbay-secret":"\$\{env:PATCHBAY_WORKFLOW_SECRET\}"/);
  }
});

test('keys and branch ids, which workflows have saved, stay what they are', () => {
  expect(Object.keys(actions)).toEqual(['send_message', 'check_opt_out', 'set_opt_out']);
  expect(sendBranches).toEqual({
    delivered: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a01',
    failed: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a02',
    opted_out: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a03',
    timed_out: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a04',
  });
  expect(optOutBranches).toEqual({
    opted_out: 'b2a7c9d4-61f3-4d57-8f1c-5e0d9c2e4b01',
    not_opted_out: 'b2a7c9d4-61f3-4d57-8f1c-5e0d9c2e4b02',
  });
});

import { createRequire } from 'node:module';

/** It comes without types. */
const yaml = createRequire(import.meta.url)('js-yaml') as { loadAll(text: string): unknown[] };

/** Parses a YAML file into its documents. */
export function parseYaml(text: string): unknown[] {
  return yaml.loadAll(text);
}

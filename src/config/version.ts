import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Which version of Patchbay this is, as its package says. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

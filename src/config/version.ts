import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Returns the version of Patchbay that `package.json` states. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

import { resolve } from 'node:path';

/** Settings with which a process finds the channel packages of the tests, as if they were installed. */
export function installPackages(...names: string[]): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${resolve(import.meta.dirname, 'register-packages.mjs')}`,
    CHANNEL_PACKAGES: names.join(','),
  };
}

// Loaded before the program (NODE_OPTIONS=--import): names of packages that are installed for tests alone.
import { registerHooks } from 'node:module';

const packages = {
  'patchbay-wire-channel': new URL('./wire-channel.ts', import.meta.url).href,
  'patchbay-echo-channel': new URL('../../examples/echo-channel/index.js', import.meta.url).href,
};

registerHooks({
  resolve(specifier, context, next) {
    const url = packages[specifier];
    return url ? { url, shortCircuit: true } : next(specifier, context);
  },
});

import type { RandomSource } from '../core/ids.ts';
import { generateSigningSecret } from '../runtime/standard-webhooks.ts';

/** What `.meta({ generate: ... })` of a channel's field may name: a value that we can make, and the far side has to be told. */
export const valueGenerators: Readonly<Record<string, (random: RandomSource) => string>> = {
  signingSecret: generateSigningSecret,
};

import type { RandomSource } from '../core/ids.ts';
import { generateSigningSecret } from '../runtime/standard-webhooks.ts';

/** Generators for `.meta({ generate: ... })` of a channel's field: values that the program makes, and that the vendor needs to know. */
export const valueGenerators: Readonly<Record<string, (random: RandomSource) => string>> = {
  signingSecret: generateSigningSecret,
  webhookSecret: (random) => random(32).toString('base64url'),
  verifyToken: (random) => random(24).toString('base64url'),
};

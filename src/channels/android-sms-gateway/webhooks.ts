import { AppError } from '../../core/errors.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelWebhooks } from '../channel.ts';
import type { AndroidConfig } from './config.ts';
import { readAndroidWebhook } from './events.ts';
import { recordReturn } from './phone.ts';
import { requireAndroidSignature, signatureHeader } from './signature.ts';

/** A picture message is in its webhook, in base64. */
const maxBodyBytes = 4 * 1024 * 1024;

/** Webhooks of the phone. It repeats each one until it gets a success, so that an event may come hours late. */
export const androidWebhooks: ChannelWebhooks<AndroidConfig> = {
  paths: ['webhook'],
  signatureHeader,
  maxBodyBytes,
  async receive(context, request) {
    const { connection, clock } = context;
    if (request.path !== 'webhook') {
      throw new AppError('not_found', `This channel has no event called ${truncate(request.path, 40)}; it has webhook.`);
    }
    if (request.method !== 'POST') throw new AppError('method_not_allowed', 'The app posts its webhooks.');
    const { config, previousConfig } = connection;
    const keys = [config.signingKey, ...(previousConfig ? [previousConfig.signingKey] : [])];
    requireAndroidSignature(keys, request, clock.now());
    const { deviceId, events } = readAndroidWebhook(request.body);
    // Another phone of the same account.
    if (config.deviceId !== undefined && deviceId !== undefined && deviceId !== config.deviceId) return { events: [] };
    const isBack = await recordReturn(context);
    return { events: isBack ? [...events, { kind: 'connection', status: 'up' }] : events };
  },
};

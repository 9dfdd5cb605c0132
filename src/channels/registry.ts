import { AppError } from '../core/errors.ts';
import type { Channel } from './channel.ts';
import { createGatewayChannel } from './gateway/gateway.ts';
import { createSandboxChannel, type Phone } from './sandbox/sandbox.ts';

/** The channels that this process knows, by type. */
export type Channels = ReadonlyMap<string, Channel>;

/** Every channel, one line each. The sandbox phone exists only where there is one to ring. */
export function createChannels(options: { allowPrivateTargets: boolean; phone?: Phone | undefined }): Channels {
  return indexChannels([
    createGatewayChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    ...(options.phone ? [createSandboxChannel(options.phone)] : []),
  ]);
}

/** Makes a registry of given channels. */
export function indexChannels(channels: readonly Channel[]): Channels {
  return new Map(channels.map((channel) => [channel.type, channel]));
}

/** @throws AppError `request_invalid`: no such channel type */
export function getChannel(channels: Channels, type: string): Channel {
  const channel = channels.get(type);
  if (channel) return channel;
  throw new AppError('request_invalid', `There is no channel type "${type}".`, {
    details: [`type: must be one of ${[...channels.keys()].join(', ')}`],
  });
}

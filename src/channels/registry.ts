import { AppError } from '../core/errors.ts';
import { createAndroidSmsGatewayChannel } from './android-sms-gateway/android-sms-gateway.ts';
import type { Channel } from './channel.ts';
import type { ConsentClients } from './email/consent.ts';
import { createEmailChannel } from './email/email.ts';
import { createEvolutionChannel } from './evolution/evolution.ts';
import { createGatewayChannel } from './gateway/gateway.ts';
import { createMailgunChannel } from './mailgun/mailgun.ts';
import { createResendChannel } from './resend/resend.ts';
import { createSandboxChannel, type Phone } from './sandbox/sandbox.ts';
import { createSmppChannel } from './smpp/smpp.ts';
import { createTelegramChannel } from './telegram/telegram.ts';
import { createTelnyxChannel } from './telnyx/telnyx.ts';
import { createTwilioChannel } from './twilio/twilio.ts';
import { createWahaChannel } from './waha/waha.ts';
import { createWhatsAppCloudChannel } from './whatsapp-cloud/whatsapp-cloud.ts';

/** Registry of the channels of this process, by type. */
export type Channels = ReadonlyMap<string, Channel>;

/** Creates every channel of the program, one line each, and adds those of packages. The sandbox channel exists only together with the sandbox phone. */
export function createChannels(options: {
  allowPrivateTargets: boolean;
  consentClients?: ConsentClients | undefined;
  phone?: Phone | undefined;
  /** @see loadChannelPackages */
  packaged?: readonly Channel[] | undefined;
}): Channels {
  return indexChannels([
    createGatewayChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createEmailChannel({ allowPrivateTargets: options.allowPrivateTargets, consentClients: options.consentClients }),
    createMailgunChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createResendChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createTwilioChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createAndroidSmsGatewayChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createSmppChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createTelnyxChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createWhatsAppCloudChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createWahaChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createEvolutionChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    createTelegramChannel({ allowPrivateTargets: options.allowPrivateTargets }),
    ...(options.phone ? [createSandboxChannel(options.phone)] : []),
    ...(options.packaged ?? []),
  ]);
}

/** Returns the types that no package may use. */
export function listOwnTypes(): string[] {
  return [...createChannels({ allowPrivateTargets: false }).keys(), 'sandbox'];
}

/** Indexes channels by type. */
export function indexChannels(channels: readonly Channel[]): Channels {
  return new Map(channels.map((channel) => [channel.type, channel]));
}

/** Returns the channel of a type. @throws AppError `request_invalid`: no such channel type */
export function getChannel(channels: Channels, type: string): Channel {
  const channel = channels.get(type);
  if (channel) return channel;
  throw new AppError('request_invalid', `There is no channel type "${type}".`, {
    details: [`type: must be one of ${[...channels.keys()].join(', ')}`],
  });
}

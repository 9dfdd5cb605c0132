import { androidReaders } from './android-readers.ts';
import type { ForeignReader } from './foreign-readers.ts';
import { mailReaders } from './mail-readers.ts';
import { telegramReaders } from './telegram-readers.ts';
import { telnyxReaders } from './telnyx-readers.ts';
import { twilioReaders } from './twilio-readers.ts';
import { whatsAppReaders } from './whatsapp-readers.ts';
import { whatsAppWebReaders } from './whatsapp-web-readers.ts';

/** Readers of the channels that are folders of this project. */
export const channelReaders: Readonly<Record<string, ForeignReader>> = {
  ...androidReaders,
  ...mailReaders,
  ...telegramReaders,
  ...telnyxReaders,
  ...twilioReaders,
  ...whatsAppReaders,
  ...whatsAppWebReaders,
};

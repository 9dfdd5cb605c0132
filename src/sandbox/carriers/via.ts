import type { AppConnection, CarrierKey, PhoneApp } from '../phone.ts';

/** Returns the vendor of a connection, and the app of the phone in which its messages are. */
export function getVia({ type, config }: Pick<AppConnection, 'type' | 'config'>): {
  carrier: CarrierKey;
  app: PhoneApp;
  name: string;
} {
  switch (type) {
    case 'twilio': {
      const isWhatsApp = typeof config.from === 'string' && config.from.startsWith('whatsapp:');
      return { carrier: 'twilio', app: isWhatsApp ? 'WhatsApp' : 'SMS', name: 'Twilio' };
    }
    case 'telnyx':
      return { carrier: 'telnyx', app: 'SMS', name: 'Telnyx' };
    case 'android_sms_gateway':
      return { carrier: 'android_sms_gateway', app: 'SMS', name: 'Android SMS Gateway' };
    case 'smpp':
      return { carrier: 'smpp', app: 'SMS', name: 'The SMPP carrier' };
    case 'whatsapp_cloud':
      return { carrier: 'whatsapp_cloud', app: 'WhatsApp', name: 'Meta' };
    case 'waha':
      return { carrier: 'waha', app: 'WhatsApp', name: 'WAHA' };
    case 'evolution':
      return { carrier: 'evolution', app: 'WhatsApp', name: 'Evolution API' };
    case 'telegram':
      return { carrier: 'telegram', app: 'Telegram', name: 'Telegram' };
    case 'email':
      return { carrier: 'email', app: 'Email', name: 'Harbour Mail' };
    case 'mailgun':
      return { carrier: 'mailgun', app: 'Email', name: 'Mailgun' };
    case 'resend':
      return { carrier: 'resend', app: 'Email', name: 'Resend' };
    default:
      return { carrier: 'gateway', app: 'SMS', name: 'Gateway' };
  }
}

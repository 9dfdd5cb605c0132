import type { SimProvider } from '../../src/sandbox/highlevel/world.ts';

export const allProviders: SimProvider[] = [
  { key: 'sms', id: '681630446243877ebda60301', kind: 'sms' },
  { key: 'whatsapp', id: '681630446243877ebda60302', kind: 'sms-extra' },
  { key: 'mail', id: '681630446243877ebda60303', kind: 'email' },
  { key: 'letters', id: '681630446243877ebda60304', kind: 'email-extra' },
];

export const callProvider: SimProvider = { key: 'calls', id: '681630446243877ebda60305', kind: 'call' };

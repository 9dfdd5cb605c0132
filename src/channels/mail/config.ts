import * as z from 'zod';
import { formatMailbox, parseMailbox } from './addresses.ts';

/** Builds the field of a sender: `Harbour Dental <hello@example.com>`, or an address alone. */
export function senderField() {
  return z
    .string()
    .trim()
    .max(320)
    .refine((text) => parseMailbox(text) !== null, {
      error: 'must be an email address such as hello@example.com, or Name <hello@example.com>',
      params: { code: 'format' },
    })
    .overwrite(formatSender)
    .meta({ title: 'Sender', placeholder: 'Harbour Dental <hello@example.com>', multiline: false });
}

function formatSender(text: string): string {
  const mailbox = parseMailbox(text);
  return mailbox ? formatMailbox(mailbox) : text;
}

/** Settings of email that every vendor's connection has. */
export const mailSettings = {
  openedIsRead: z.boolean().default(false).meta({
    title: 'Count opened emails as read',
    description: 'Mail programs open emails by themselves too, so this is often untrue.',
    advanced: true,
  }),
  oneClickUnsubscribe: z.boolean().default(false).meta({
    title: 'Add one-click unsubscribe',
    description: 'For connections that send to many. A contact who uses it receives no further email of this location.',
    advanced: true,
  }),
};

import type { HighLevel } from '../../src/highlevel/client.ts';
import { readContactEvent } from '../../src/highlevel/contact-events.ts';
import { createNamedContact, findContactAddress, findContactFacts, findOrCreateContact } from '../../src/highlevel/contacts.ts';
import { readContactDnd } from '../../src/highlevel/do-not-disturb.ts';
import type { ForeignReader } from './foreign-readers.ts';

/** Readers of what HighLevel says about contacts. */
export const createContactReaders = (
  respondWith: (json: string) => HighLevel,
  now: Date,
): Readonly<Record<string, ForeignReader>> => ({
  'an upserted contact': {
    file: 'highlevel/contacts.ts',
    document: {
      new: false,
      contact: { id: 'C', name: 'Maya', firstName: 'M', lastName: 'R', dateAdded: '2026-01-01T00:00:00Z' },
    },
    required: ['contact', 'contact.id'],
    errorCodes: ['highlevel_no_message_id'],
    read: (json) => findOrCreateContact(respondWith(json), { locationId: 'L', phone: '+12025550143' }, 'Maya', now),
  },
  'a created contact': {
    file: 'highlevel/contacts.ts',
    document: { contact: { id: 'C', name: 'SUPPORT' } },
    required: ['contact', 'contact.id'],
    errorCodes: ['highlevel_no_message_id'],
    read: (json) => createNamedContact(respondWith(json), 'L', 'SUPPORT'),
  },
  'a contact': {
    file: 'highlevel/contacts.ts',
    document: { contact: { id: 'C', phone: '+12025550143', email: 'a@b.c' } },
    required: [],
    errorCodes: [],
    read: (json) => findContactAddress(respondWith(json), 'L', 'C'),
  },
  'a change of a contact’s do-not-disturb': {
    file: 'highlevel/do-not-disturb.ts',
    document: {
      id: 'C',
      phone: '+1',
      email: 'a@b.c',
      dnd: true,
      dndSettings: { SMS: { status: 'active', code: 'c', message: 'm' } },
    },
    required: [],
    errorCodes: ['payload_invalid'],
    read: (json) => readContactDnd(Buffer.from(json)),
  },
  'tags and user of a contact': {
    file: 'highlevel/contacts.ts',
    document: { contact: { id: 'C', tags: ['vip'], assignedTo: 'U' } },
    required: [],
    errorCodes: [],
    read: (json) => findContactFacts(respondWith(json), 'L', 'C'),
  },
  'a change of a contact': {
    file: 'highlevel/contact-events.ts',
    document: {
      type: 'ContactTagUpdate',
      locationId: 'L',
      id: 'C',
      tags: ['vip'],
      assignedTo: 'U',
      timestamp: '2026-11-24T00:00:00Z',
    },
    required: [],
    errorCodes: ['payload_invalid'],
    read: (json) => readContactEvent(Buffer.from(json)),
  },
});

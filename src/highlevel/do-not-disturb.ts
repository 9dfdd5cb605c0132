import { flag, parseForeignJson, toId, toObject, toText } from '../core/foreign.ts';
import { type HighLevel, type HighLevelResponse, toLocationOwner } from './client.ts';
import { isContactMissing } from './contacts.ts';

/** Channels of HighLevel's do-not-disturb that its description of `PUT /contacts/{contactId}` knows. */
const dndChannels = ['Call', 'Email', 'SMS', 'WhatsApp', 'GMB', 'FB'] as const;

/** The channels that our messages belong to. An extra provider has none of its own: only `SMS` stops workflows and bulk actions. */
export type DndChannel = 'SMS' | 'Email';

/** Marks the settings that this program has written: an event carries no other sign of its author (platform-2026-11.md 3.1). */
const ourDndCode = 'PATCHBAY_STOP';

interface DndSetting {
  status: string;
  message?: string;
  code?: string;
}

/** A contact's do-not-disturb, by channel. */
export type DndSettings = Readonly<Record<string, DndSetting>>;

/** Returns whether a channel is blocked: `permanent` is what HighLevel's own STOP writes. */
export function isBlocked(settings: DndSettings, channel: DndChannel): boolean {
  return isBlocking(settings[channel]);
}

/** Returns whether this program has blocked the channel, and nothing has changed it since. */
export function isBlockedByUs(settings: DndSettings, channel: DndChannel): boolean {
  return settings[channel]?.status === 'active' && settings[channel].code === ourDndCode;
}

/** Finds a contact's do-not-disturb. @returns null for a deleted contact. @throws AppError as the client */
export async function findDndSettings(
  highLevel: HighLevel,
  locationId: string,
  contactId: string,
): Promise<DndSettings | null> {
  return (await findContactDnd(highLevel, locationId, contactId))?.settings ?? null;
}

/** Finds a contact's do-not-disturb with its addresses, as {@link findDndSettings}. */
export async function findContactDnd(highLevel: HighLevel, locationId: string, contactId: string): Promise<ContactDnd | null> {
  let response: HighLevelResponse;
  try {
    response = await highLevel({ operation: 'getContact', owner: toLocationOwner(locationId), path: { contactId } });
  } catch (error) {
    if (isContactMissing(error)) return null;
    throw error;
  }
  const contact = toObject(response.body.contact);
  return Object.values(contact).some(toText) ? toContactDnd(contact) : null;
}

/**
 * Blocks or frees one channel of a contact's do-not-disturb. No source says whether channels that a request omits keep their values, so the
 * request repeats the channels that are blocked at present: if omitted ones are reset, none is lost. Free channels are left out: repeating
 * them could undo a block that a user sets at the same moment.
 *
 * @param current the settings, just read
 * @throws AppError as the client
 */
export async function updateDnd(
  highLevel: HighLevel,
  ref: { locationId: string; contactId: string },
  current: DndSettings,
  { channel, isBlocked: shouldBlock }: { channel: DndChannel; isBlocked: boolean },
): Promise<void> {
  const others = dndChannels.filter((name) => name !== channel && isBlocking(current[name]));
  const setting = shouldBlock
    ? { status: 'active', message: 'STOP received via Patchbay', code: ourDndCode }
    : { status: 'inactive', message: 'START received via Patchbay', code: ourDndCode };
  await highLevel({
    operation: 'updateContact',
    owner: toLocationOwner(ref.locationId),
    path: { contactId: ref.contactId },
    body: { dndSettings: { ...Object.fromEntries(others.map((name) => [name, current[name]])), [channel]: setting } },
  });
}

/** Do-not-disturb of one contact, from the app event ContactDndUpdate. */
export interface ContactDnd {
  readonly phone: string | null;
  readonly email: string | null;
  /** Blocks every channel. */
  readonly isGlobal: boolean;
  readonly settings: DndSettings;
}

/** Reads a ContactDndUpdate, which holds the whole contact. A missing `dnd` means false. @throws AppError `payload_invalid` */
export function readContactDnd(body: Buffer): ContactDnd {
  return toContactDnd(toObject(parseForeignJson(body)));
}

function toContactDnd({ phone, email, dnd, dndSettings }: Record<string, unknown>): ContactDnd {
  return {
    phone: toId(phone) ?? null,
    email: toId(email) ?? null,
    isGlobal: flag.parse(dnd),
    settings: readDndSettings(dndSettings),
  };
}

/** Fields of a ContactDndUpdate that are stored: the event itself holds all that a location knows of the contact. */
const storedFields = [
  ...['type', 'appId', 'companyId', 'locationId', 'webhookId', 'id', 'timestamp'],
  ...['phone', 'email', 'dnd', 'dndSettings'],
];

/** Reduces a ContactDndUpdate to the fields that the program uses. @throws AppError `payload_invalid` */
export function toStoredContactDnd(body: Buffer): Buffer {
  const fields = Object.entries(toObject(parseForeignJson(body))).filter(([name]) => storedFields.includes(name));
  return Buffer.from(JSON.stringify(Object.fromEntries(fields)));
}

function isBlocking(setting: DndSetting | undefined): boolean {
  return setting?.status === 'active' || setting?.status === 'permanent';
}

/** Reads the settings of the channels that are known; one that says nothing is free, as if it were absent. */
function readDndSettings(value: unknown): DndSettings {
  const given = toObject(value);
  const entries = dndChannels.flatMap((channel): [string, DndSetting][] => {
    const { status, message, code } = toObject(given[channel]);
    const [state, text, id] = [toText(status)?.toLowerCase(), toText(message), toId(code)];
    if (state === undefined && text === undefined && id === undefined) return [];
    const setting = { status: state ?? 'inactive', ...(text ? { message: text } : {}), ...(id ? { code: id } : {}) };
    return [[channel, setting]];
  });
  return Object.fromEntries(entries);
}

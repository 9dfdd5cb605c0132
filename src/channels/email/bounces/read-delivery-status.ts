import { describeRecipient } from './classify-failure.ts';
import { type FieldGroup, parseFieldGroups, stripFieldType } from './delivery-fields.ts';
import { findAliases, findFailedAddresses } from './find-failed-addresses.ts';
import { type DeliveryAction, maxReport, type ReportedRecipient } from './mail-report.ts';
import { toAddress } from './parse-mail.ts';
import { listStatusCodes } from './status-codes.ts';

const actions: Readonly<Record<string, DeliveryAction>> = {
  failed: 'failed',
  failure: 'failed',
  expired: 'failed',
  delayed: 'delayed',
  delivered: 'delivered',
  deliverable: 'delivered',
  relayed: 'relayed',
  expanded: 'expanded',
};

/** Fields that make a group one about a recipient. */
const recipientFields = ['final-recipient', 'original-recipient', 'action', 'status', 'diagnostic-code'] as const;

/**
 * Reads the recipients of a delivery status (RFC 3464), which may also stand as text in the body. Action decides before Status: a mail that
 * could not be delivered in time has failed with a status of class 4.
 *
 * @param statement the report's text for people, which may name the cause that the fields leave out
 * @param fallback recipient of a group that names none, if the report names just one elsewhere
 */
export function readDeliveryStatus(text: string, statement: string, fallback: string | null): ReportedRecipient[] {
  const groups = mergeGroups(parseFieldGroups(text).filter((group) => recipientFields.some((name) => group.has(name))));
  const contexts = new Map(findFailedAddresses(statement, new Set()).map(({ address, context }) => [address, context]));
  const aliases = findAliases(statement);
  const rows = groups.flatMap((group) => {
    const action = parseAction(group);
    if (action === null) return [];
    const original = readAddress(group.get('original-recipient'));
    const final = readAddress(group.get('final-recipient')) ?? readAddress(group.get('x-actual-recipient'));
    const address = original ?? aliases.get(final ?? '') ?? final ?? fallback;
    const context = contexts.get(address ?? '') ?? contexts.get(final ?? '') ?? (groups.length === 1 ? statement : '');
    const failure = {
      status: group.get('status') ?? '',
      diagnostic: stripFieldType(group.get('diagnostic-code') ?? ''),
      context,
    };
    const retriesUntil = action === 'delayed' ? parseTime(group.get('will-retry-until')) : null;
    return [{ ...describeRecipient(address, action, failure, final), ...(retriesUntil ? { retriesUntil } : {}) }];
  });
  return dropRepeats(rows).slice(0, maxReport.recipients);
}

/** Drops rows that say the same of the same recipient: a loop brings one for each turn. A row with a cause comes before one without. */
function dropRepeats(rows: readonly ReportedRecipient[]): ReportedRecipient[] {
  const kept = new Map<string, ReportedRecipient>();
  for (const row of rows) {
    const key = `${row.action} ${row.address}`;
    const earlier = kept.get(key);
    if (!earlier || (earlier.class === 'other' && row.class !== 'other')) kept.set(key, row);
  }
  return [...kept.values()];
}

function parseTime(text: string | undefined): Date | null {
  const time = Date.parse((text ?? '').replace(/\([^()]*\)/g, ''));
  return Number.isNaN(time) ? null : new Date(time);
}

/** Joins groups that an empty line in the wrong place divides: one with a recipient and no action, and one with an action and no recipient. */
function mergeGroups(groups: readonly FieldGroup[]): FieldGroup[] {
  const merged: FieldGroup[] = [];
  for (const group of groups) {
    const last = merged.at(-1);
    const completes =
      last !== undefined && hasRecipient(last) !== hasRecipient(group) && last.has('action') !== group.has('action');
    if (completes) merged[merged.length - 1] = new Map([...last, ...group]);
    else merged.push(group);
  }
  return merged;
}

function hasRecipient(group: FieldGroup): boolean {
  return group.has('final-recipient') || group.has('original-recipient');
}

/** Reads Action; where it is missing or unknown, the severity of Status. @returns null for a group without a report */
function parseAction(group: FieldGroup): DeliveryAction | null {
  const word = /^[a-z]+/.exec((group.get('action') ?? '').toLowerCase())?.[0] ?? '';
  const known = actions[word];
  if (known) return known;
  const [status] = listStatusCodes(group.get('status') ?? '');
  if (status) return { 2: 'delivered', 4: 'delayed', 5: 'failed' }[status.severity] as DeliveryAction;
  return hasRecipient(group) && group.has('diagnostic-code') ? 'failed' : null;
}

/** Reads an address field in its plain form, in xtext (RFC 3461) and in the form of RFC 6533. */
function readAddress(value: string | undefined): string | null {
  if (value === undefined) return null;
  const text = stripFieldType(value)
    .replaceAll('+2B', '+')
    .replaceAll('+3D', '=')
    .replace(/\\x\{([0-9A-Fa-f]{2,6})\}/g, (whole, hex: string) => toCharacter(Number.parseInt(hex, 16)) ?? whole);
  return toAddress(text.replace(/^[\s<"]+/, '').split(/[>\s"]/, 1)[0] ?? '');
}

function toCharacter(code: number): string | null {
  return code > 0x1f && code <= 0x10ffff ? String.fromCodePoint(code) : null;
}

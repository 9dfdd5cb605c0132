import { maxReport } from './mail-report.ts';

/** Fields of one group of a machine-readable part, by name in small letters. The first of a name counts. */
export type FieldGroup = ReadonlyMap<string, string>;

const recipientFields = new Set(['final-recipient', 'original-recipient', 'removal-recipient']);

/**
 * Parses the groups of fields of a `message/delivery-status` or a similar part. Groups are divided by empty lines; a second recipient within
 * a group starts a new one, as some programs leave out the line between. Blanks before the colon are allowed.
 */
export function parseFieldGroups(text: string): FieldGroup[] {
  const groups: Map<string, string>[] = [];
  let group: Map<string, string> | null = null;
  let last: string | null = null;
  for (const line of text.split(/\r\n|\r|\n/, maxReport.lines * 2)) {
    if (line.trim() === '') {
      group = null;
      last = null;
    } else if (/^[ \t]/.test(line)) {
      if (group && last !== null) appendTo(group, last, line.trim());
    } else {
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
      if (colon < 1 || !/^[a-z][a-z0-9-]*$/.test(name)) {
        last = null;
        continue;
      }
      if (!group || (recipientFields.has(name) && group.has(name))) {
        group = new Map();
        groups.push(group);
      }
      last = group.has(name) ? null : name;
      if (last !== null)
        group.set(
          name,
          line
            .slice(colon + 1)
            .trim()
            .slice(0, maxReport.headerChars),
        );
    }
  }
  return groups;
}

/** Returns all values of a name in a part, where it may come more than once in a group. */
export function listFieldValues(text: string, name: string): string[] {
  return text
    .split(/\r\n|\r|\n/, maxReport.lines)
    .filter((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`)
    .map((line) => line.slice(name.length + 1).trim());
}

/** Drops the type in `rfc822; user@example.com` or `smtp; 550 ...`. A type is one short word. */
export function stripFieldType(value: string): string {
  const semicolon = value.indexOf(';');
  return semicolon > 0 && semicolon <= 30 && !/[@\s]/.test(value.slice(0, semicolon).trim())
    ? value.slice(semicolon + 1).trim()
    : value;
}

function appendTo(group: Map<string, string>, name: string, text: string): void {
  const value = group.get(name) ?? '';
  if (value.length < maxReport.headerChars) group.set(name, `${value} ${text}`);
}

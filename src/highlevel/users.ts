import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { isAppError } from '../core/errors.ts';
import { readableText, requiredText, shortId, text, toList, toNumber, toObject } from '../core/foreign.ts';
import { sanitize } from '../core/sanitize.ts';
import { type HighLevel, toCompanyOwner, toLocationOwner } from './client.ts';

const maxWordChars = 100;

const userSchema = z.object({
  roles: z.object({ type: requiredText(maxWordChars), role: requiredText(maxWordChars) }),
  companyId: readableText,
});

/**
 * Finds the role and type of a company's user.
 *
 * @returns null where HighLevel knows no such user there
 * @throws AppError as the client
 */
export async function findUser(
  highLevel: HighLevel,
  companyId: string,
  userId: string,
): Promise<{ type: string; role: string } | null> {
  try {
    const { body } = await highLevel({ operation: 'getUser', owner: toCompanyOwner(companyId), path: { userId } });
    const parsed = userSchema.safeParse(body);
    if (!parsed.success || (parsed.data.companyId ?? companyId) !== companyId) return null;
    return parsed.data.roles;
  } catch (error) {
    if (isAppError(error, 'highlevel_refused')) return null;
    throw error;
  }
}

/** A user as a person chooses one. */
export interface LocationUser {
  readonly id: string;
  readonly name: string;
}

const pageSize = 100;
/** Bounds what a list costs; further users are named by their ids. */
const maxPages = 5;
const listedSchema = z.looseObject({
  id: shortId(maxChars.highlevelId),
  name: text,
  firstName: text,
  lastName: text,
  email: text,
});

/** Lists the users of a location by name. @throws AppError as the client */
export async function listUsers(highLevel: HighLevel, companyId: string, locationId: string): Promise<LocationUser[]> {
  const users = new Map<string, LocationUser>();
  for (let [page, skip] = [0, 0]; page < maxPages; page++) {
    const query = { companyId, locationId, skip: String(skip), limit: String(pageSize) };
    const { body } = await highLevel({ operation: 'searchUsers', owner: toLocationOwner(locationId), query });
    const rows = toList(body.users);
    for (const user of rows.flatMap(readUser)) users.set(user.id, user);
    skip += rows.length;
    if (rows.length === 0 || skip >= (toNumber(body.count) ?? 0)) break;
  }
  return [...users.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function readUser(row: unknown): LocationUser[] {
  const { id, name, firstName, lastName, email } = listedSchema.parse(toObject(row));
  if (!id) return [];
  const full = [firstName, lastName].filter(Boolean).join(' ');
  return [{ id, name: sanitize(name?.trim() || full || email || id) }];
}

import * as z from 'zod';
import { isAppError } from '../core/errors.ts';
import { readableText, requiredText } from '../core/foreign.ts';
import { type HighLevel, toCompanyOwner } from './client.ts';

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

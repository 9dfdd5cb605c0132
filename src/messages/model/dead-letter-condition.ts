import { Prisma } from '../../database/client.ts';

/**
 * Condition of the partial indexes of dead letters. The planner recognises it by its text: as parameters, which Prisma's filters make of the
 * values, they would leave it to read every message of a location.
 */
export const deadLetterCondition = Prisma.sql`(state = 'failed' OR held_for_review_at IS NOT NULL)`;

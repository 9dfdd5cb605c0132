import { Prisma } from '../../database/client.ts';

/**
 * Condition of the index `messages_dead_letters`, for one location's. The planner recognises it by its text: as parameters, which Prisma's
 * filters make of the values, they would leave it to read every message of the location.
 */
export const deadLetterCondition = Prisma.sql`(state = 'failed' OR held_for_review_at IS NOT NULL)`;

/**
 * The same for the index `messages_all_dead_letters`, for all locations'. It is written in another way on purpose: with one condition for both
 * indexes the planner took this one for a single location, too, and with 20 million messages read 16 times as many.
 */
export const anyDeadLetterCondition = Prisma.sql`CASE WHEN held_for_review_at IS NULL THEN state = 'failed' ELSE true END`;

import type * as z from 'zod';
import { AppError } from './errors.ts';
import { parseForeignJson } from './foreign.ts';

/**
 * Reads the bytes of a request that somebody else has shaped.
 *
 * @param schemaMismatch what to say when it is JSON but not what is needed; every problem is added as a detail
 * @throws AppError `payload_invalid`
 */
export function readJsonBody<Shape extends z.ZodType>(schema: Shape, body: Buffer, schemaMismatch: string): z.output<Shape> {
  const result = schema.safeParse(parseForeignJson(body));
  if (result.success) return result.data;
  throw new AppError('payload_invalid', schemaMismatch, {
    details: result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`),
  });
}

import type * as z from 'zod';
import { AppError } from './errors.ts';
import { parseForeignJson } from './foreign.ts';

/**
 * Reads the bytes of a request that another program has shaped.
 *
 * @param schemaMismatch message for JSON of another shape; every problem is added as a detail
 * @throws AppError `payload_invalid`
 */
export function readJsonBody<Shape extends z.ZodType>(schema: Shape, body: Buffer, schemaMismatch: string): z.output<Shape> {
  const result = schema.safeParse(parseForeignJson(body));
  if (result.success) return result.data;
  throw new AppError('payload_invalid', schemaMismatch, {
    details: result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`),
  });
}

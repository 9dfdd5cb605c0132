import * as z from 'zod';
import type { ResendState } from './state.ts';

const name = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/);

const sendBody = z.strictObject({
  from: z.string().min(1),
  to: z.union([z.string(), z.array(z.string()).min(1).max(50)]),
  subject: z.string().min(1),
  html: z.string().optional(),
  text: z.string().optional(),
  cc: z.array(z.string()).optional(),
  bcc: z.array(z.string()).optional(),
  reply_to: z.union([z.string(), z.array(z.string())]).optional(),
  headers: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), z.string().regex(/^[^\r\n]*$/)).optional(),
  attachments: z
    .array(
      z.strictObject({
        filename: z.string().min(1),
        content: z.base64(),
        content_type: z.string().optional(),
        content_id: z.string().optional(),
      }),
    )
    .optional(),
  tags: z.array(z.strictObject({ name, value: name })).optional(),
});

export type SendBody = z.output<typeof sendBody>;

/** An error as Resend responds with it. */
export interface Refusal {
  readonly statusCode: number;
  readonly name: string;
  readonly message: string;
}

/** Returns the address in a recipient or a sender; null where it has none. */
export function findAddress(text: string): string | null {
  const address = /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text.trim();
  return /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+\.[^\s@<>(),;:".]+$/.test(address) ? address : null;
}

/** Checks a send as strictly as Resend. */
export function checkSend(state: ResendState, body: unknown): { body: SendBody } | { refusal: Refusal; isMistake: boolean } {
  const parsed = sendBody.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const message = `${issue?.path.join('.')}: ${issue?.message}`;
    return { refusal: { statusCode: 422, name: 'validation_error', message }, isMistake: true };
  }
  const refuse = (statusCode: number, errorName: string, message: string) => ({
    ...{ refusal: { statusCode, name: errorName, message }, isMistake: false },
  });
  const { data } = parsed;
  const from = findAddress(data.from);
  if (from === null) return refuse(422, 'invalid_from_address', 'Invalid `from` field.');
  if ([data.to].flat().some((one) => findAddress(one) === null)) {
    return refuse(
      422,
      'validation_error',
      'Invalid `to` field. The email address needs to follow the `email@example.com` format.',
    );
  }
  if (!data.html && !data.text) return refuse(422, 'missing_required_field', 'Missing `html` or `text` field.');
  const domain = state.domains.find((one) => one.name === from.slice(from.lastIndexOf('@') + 1));
  if (domain?.status !== 'verified') {
    const shown = from.slice(from.lastIndexOf('@') + 1);
    return refuse(
      403,
      'validation_error',
      `The ${shown} domain is not verified. Please, add and verify your domain on https://resend.com/domains`,
    );
  }
  return { body: data };
}

import type { ReceiptContent } from '../channel.ts';
import { type ApiContext, requestResend } from './api.ts';
import { toListedReceipt } from './events.ts';
import { resendId } from './inbound.ts';
import { readSentEmail } from './records.ts';

/** Asks Resend for the state of an email. @returns null while it is on its way, and when Resend does not say, as to a sending key */
export async function lookUpReceipt(context: ApiContext, externalId: string): Promise<ReceiptContent | null> {
  // Any other text would lead to another address.
  if (!resendId.test(externalId)) return null;
  const response = await requestResend(context, { path: `/emails/${externalId}` });
  if (response.kind !== 'ok') return null;
  return toListedReceipt(externalId, readSentEmail(response.body), context.connection.config.openedIsRead);
}

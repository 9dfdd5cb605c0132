import type { Sender } from '../channel.ts';
import { type ApiContext, type ApiResponse, listRows, type TwilioContext, toAccountPath } from './api.ts';
import { type NumberRecord, readChannelSender, readNumber, readPoolNumber, readService } from './records.ts';

type Failure = { problem: Exclude<ApiResponse, { kind: 'ok' }> };

const pageSize = '100';

/** Finds a number among the account's own. */
export async function findNumber(context: ApiContext, phoneNumber: string): Promise<Failure | { number: NumberRecord | null }> {
  const path = toAccountPath(context.connection.config, '/IncomingPhoneNumbers.json');
  const request = { path, query: { PhoneNumber: phoneNumber, PageSize: pageSize } };
  for await (const page of listRows(context, request, 'incoming_phone_numbers')) {
    if ('problem' in page) return page;
    // The filter also finds numbers that contain this one.
    const number = page.rows.map(readNumber).find((row) => row.phoneNumber === phoneNumber);
    if (number) return { number };
  }
  return { number: null };
}

/** Finds a WhatsApp sender of the account. @param address with `whatsapp:` before the number */
export async function findChannelSender(
  context: ApiContext,
  address: string,
): Promise<Failure | { sender: ReturnType<typeof readChannelSender> | null }> {
  const request = { path: '/v2/Channels/Senders', isMessaging: true, query: { Channel: 'whatsapp', PageSize: pageSize } };
  for await (const page of listRows(context, request, 'senders')) {
    if ('problem' in page) return page;
    const sender = page.rows.map(readChannelSender).find((row) => row.address === address);
    if (sender) return { sender };
  }
  return { sender: null };
}

/**
 * Lists the numbers that can send SMS, and the Messaging Services. A connection with a Messaging Service sends from the numbers in it alone.
 * What Twilio does not let these credentials list is left out.
 */
export async function listSenders(context: TwilioContext): Promise<Sender[]> {
  const { messagingServiceSid } = context.connection.config;
  const numbers = messagingServiceSid === undefined ? listNumbers(context) : listPool(context, messagingServiceSid);
  return [...(await numbers), ...(await listServices(context))];
}

async function listNumbers(context: TwilioContext): Promise<Sender[]> {
  const path = toAccountPath(context.connection.config, '/IncomingPhoneNumbers.json');
  const rows = await collectRows(context, { path, query: { PageSize: pageSize } }, 'incoming_phone_numbers');
  return rows
    .map(readNumber)
    .flatMap(({ phoneNumber, name, hasSms }) =>
      phoneNumber !== undefined && hasSms ? [{ address: phoneNumber, label: toLabel(phoneNumber, name) }] : [],
    );
}

async function listPool(context: TwilioContext, serviceSid: string): Promise<Sender[]> {
  const path = `/v1/Services/${serviceSid}/PhoneNumbers`;
  const rows = await collectRows(context, { path, isMessaging: true, query: { PageSize: pageSize } }, 'phone_numbers');
  return rows.map(readPoolNumber).flatMap((address) => (address === undefined ? [] : [{ address, label: address }]));
}

async function listServices(context: TwilioContext): Promise<Sender[]> {
  const request = { path: '/v1/Services', isMessaging: true, query: { PageSize: pageSize } };
  const rows = await collectRows(context, request, 'services');
  return rows
    .map(readService)
    .flatMap(({ sid, name }) => (sid === undefined ? [] : [{ address: sid, label: toLabel(sid, name) }]));
}

async function collectRows(context: TwilioContext, request: Parameters<typeof listRows>[1], name: string) {
  const rows: Record<string, unknown>[] = [];
  for await (const page of listRows(context, request, name)) {
    if ('rows' in page) rows.push(...page.rows);
    else context.log.warn({ problem: page.problem, list: name }, 'Twilio does not list this');
  }
  return rows;
}

function toLabel(address: string, name: string | undefined): string {
  return name && name !== address ? `${name} (${address})` : address;
}

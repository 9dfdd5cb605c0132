import type { Sender } from '../channel.ts';
import { type ApiContext, type ApiResponse, listRows, requestTelnyx, type TelnyxContext } from './api.ts';
import { type NumberRecord, type ProfileRecord, readNumber, readProfile } from './records.ts';

export type Failure = { problem: Exclude<ApiResponse, { kind: 'ok' }> };

const pageSize = 250;

/** Finds a number among the account's own. */
export async function findNumber(context: ApiContext, phoneNumber: string): Promise<Failure | { number: NumberRecord | null }> {
  const request = { path: '/phone_numbers/messaging', query: { 'filter[phone_number]': phoneNumber } };
  for await (const page of listRows(context, request, pageSize)) {
    if ('problem' in page) return page;
    const number = page.rows.map(readNumber).find((row) => row.phoneNumber === phoneNumber);
    if (number) return { number };
  }
  return { number: null };
}

/** Finds a messaging profile of the account. */
export async function findProfile(context: ApiContext, id: string): Promise<Failure | { profile: ProfileRecord | null }> {
  const response = await requestTelnyx(context, { path: `/messaging_profiles/${encodeURIComponent(id)}` });
  if (response.kind === 'ok') return { profile: readProfile(response.data) };
  return response.kind === 'error' && response.error.status === 404 ? { profile: null } : { problem: response };
}

/** Lists the numbers that can send: those of the connection's messaging profile, or all that have one. */
export async function listSenders(context: TelnyxContext): Promise<Sender[]> {
  const { messagingProfileId } = context.connection.config;
  const query: Record<string, string> =
    messagingProfileId === undefined ? {} : { 'filter[messaging_profile_id]': messagingProfileId };
  const rows: NumberRecord[] = [];
  for await (const page of listRows(context, { path: '/phone_numbers/messaging', query }, pageSize)) {
    if ('rows' in page) rows.push(...page.rows.map(readNumber));
    else context.log.warn({ problem: page.problem }, 'Telnyx does not list the numbers');
  }
  return rows.flatMap(({ phoneNumber, profileId, hasSms, type }) =>
    phoneNumber !== undefined && profileId !== undefined && hasSms
      ? [{ address: phoneNumber, label: type ? `${phoneNumber} (${type})` : phoneNumber }]
      : [],
  );
}

import type { SimError, SimNumber, TelnyxState } from './state.ts';

/** Error as Telnyx responds with it. */
export type Refusal = SimError & { status: number };

const refuse = (status: number, code: string, title: string, detail?: string): Refusal => ({
  ...{ status, code, title },
  ...(detail === undefined ? {} : { detail }),
});

const e164 = /^\+[1-9]\d{6,14}$/;
const shortCode = /^\d{3,8}$/;
const name = /^(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}$/;
const knownFields = new Set([
  ...['to', 'from', 'messaging_profile_id', 'text', 'subject', 'media_urls', 'type', 'webhook_url', 'webhook_failover_url'],
  ...['use_profile_webhooks', 'auto_detect', 'encoding', 'send_at'],
]);

/** A request to send that Telnyx accepts, with the number that it has chosen. */
export interface Accepted {
  from: string;
  to: string;
  text: string;
  mediaUrls: string[];
  profileId: string;
  webhookUrl: string | null;
}

/** Checks a request to send. @returns the error of the first rule that it breaks */
export function checkSend(state: TelnyxState, body: Record<string, unknown>): Refusal | Accepted {
  const unknown = Object.keys(body).find((field) => !knownFields.has(field));
  if (unknown) return refuse(422, '10015', 'Bad Request', `The field ${unknown} is not known.`);
  const to = body.to;
  if (typeof to !== 'string' || to === '') return refuse(422, '10004', 'Missing required parameter', 'to');
  if (!e164.test(to)) return refuse(400, '40310', "Invalid 'to' address", `${to} is not valid.`);
  const text = typeof body.text === 'string' ? body.text : '';
  const mediaUrls = Array.isArray(body.media_urls) ? body.media_urls.map(String) : [];
  if (text === '' && mediaUrls.length === 0) return refuse(400, '40316', 'No content provided');
  if (mediaUrls.length > 10 || mediaUrls.some((url) => !/^https?:/.test(url)))
    return refuse(400, '40317', 'Invalid MMS content');
  const webhookUrl = typeof body.webhook_url === 'string' ? body.webhook_url : null;
  if (webhookUrl !== null && (!URL.canParse(webhookUrl) || webhookUrl.length > 2000)) {
    return refuse(422, '10015', 'Bad Request', 'webhook_url is not valid.');
  }
  const sender = chooseSender(state, body);
  if ('code' in sender) return sender;
  if (state.optOuts.some(({ profileId, contact }) => profileId === sender.profileId && contact === to)) {
    return refuse(400, '40300', 'Blocked due to STOP message', 'The recipient has replied STOP.');
  }
  return { ...sender, to, text, mediaUrls, webhookUrl };
}

function chooseSender(state: TelnyxState, body: Record<string, unknown>): Refusal | { from: string; profileId: string } {
  const [from, wanted] = [body.from, body.messaging_profile_id].map((value) => (typeof value === 'string' ? value : null));
  const profile = state.profiles.find(({ id }) => id === wanted);
  if (wanted && !profile) return refuse(400, '40311', 'Invalid messaging profile');
  if (profile && !profile.enabled) return refuse(400, '40312', 'Messaging profile is disabled');
  if (from === null) {
    if (!profile) return refuse(422, '10004', 'Missing required parameter', 'from or messaging_profile_id');
    const pooled = state.numbers.find(({ profileId, hasSms }) => profileId === profile.id && hasSms);
    return pooled
      ? { from: pooled.phoneNumber, profileId: profile.id }
      : refuse(400, '40321', 'No usable numbers on messaging profile');
  }
  if (typeof from === 'string' && name.test(from)) {
    return profile ? { from, profileId: profile.id } : refuse(400, '40305', "Invalid 'from' address");
  }
  if (!e164.test(from ?? '') && !shortCode.test(from ?? '')) return refuse(400, '40013', 'Invalid source number');
  return checkNumber(
    state,
    state.numbers.find(({ phoneNumber }) => phoneNumber === from),
    profile?.id,
  );
}

function checkNumber(
  state: TelnyxState,
  number: SimNumber | undefined,
  wanted: string | undefined,
): Refusal | { from: string; profileId: string } {
  if (!number) return refuse(400, '40305', "Invalid 'from' address");
  if (!number.hasSms || number.profileId === null) return refuse(400, '40100', 'Number not enabled for messaging');
  if (wanted !== undefined && wanted !== number.profileId) return refuse(400, '40305', "Invalid 'from' address");
  const isEnabled = state.profiles.find(({ id }) => id === number.profileId)?.enabled;
  if (!isEnabled) return refuse(400, '40312', 'Messaging profile is disabled');
  return { from: number.phoneNumber, profileId: number.profileId };
}

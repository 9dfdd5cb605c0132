import type { SimMessage, SimNumber, SimService, TwilioState } from './state.ts';

const rfc2822 = (ms: number | null) => (ms === null ? null : new Date(ms).toUTCString().replace('GMT', '+0000'));

/** Renders a message as the API returns it. */
export function renderMessage(state: TwilioState, message: SimMessage): Record<string, unknown> {
  const uri = `/2010-04-01/Accounts/${state.account.sid}/Messages/${message.sid}.json`;
  return {
    ...{ sid: message.sid, account_sid: state.account.sid, api_version: '2010-04-01', uri },
    ...{ to: message.to, from: message.from, body: message.body, direction: message.direction, status: message.status },
    messaging_service_sid: message.messagingServiceSid,
    num_segments: message.from === null ? '0' : String(Math.max(1, Math.ceil(message.body.length / 153))),
    num_media: String(message.mediaUrls.length),
    ...{ price: null, price_unit: 'USD', error_code: message.errorCode, error_message: null },
    date_created: rfc2822(message.createdAt),
    date_updated: rfc2822(message.updatedAt),
    date_sent: rfc2822(message.sentAt),
    subresource_uris: { media: uri.replace('.json', '/Media.json') },
  };
}

/** Renders the account. */
export function renderAccount({ account }: TwilioState): Record<string, unknown> {
  const { sid, friendlyName, status, type } = account;
  const uri = `/2010-04-01/Accounts/${sid}.json`;
  return { sid, owner_account_sid: sid, friendly_name: friendlyName, status, type, auth_token: account.authToken, uri };
}

/** Renders a number of the account. */
export function renderNumber(state: TwilioState, number: SimNumber): Record<string, unknown> {
  return {
    ...{
      sid: number.sid,
      account_sid: state.account.sid,
      phone_number: number.phoneNumber,
      friendly_name: number.friendlyName,
    },
    capabilities: { voice: true, sms: number.hasSms, mms: number.hasSms, fax: false },
    ...{ sms_url: number.smsUrl || null, sms_method: number.smsMethod, sms_application_sid: number.smsApplicationSid || null },
    uri: `/2010-04-01/Accounts/${state.account.sid}/IncomingPhoneNumbers/${number.sid}.json`,
  };
}

/** Renders a Messaging Service. */
export function renderService(state: TwilioState, service: SimService): Record<string, unknown> {
  return {
    ...{ sid: service.sid, account_sid: state.account.sid, friendly_name: service.friendlyName },
    inbound_request_url: service.inboundRequestUrl || null,
    inbound_method: service.inboundMethod,
    use_inbound_webhook_on_number: service.useInboundWebhookOnNumber,
  };
}

/** Cuts one page out of a list, as the 2010 API does. @param path with the query of its filters */
export function renderPage(
  name: string,
  rows: readonly unknown[],
  path: string,
  query: URLSearchParams,
): Record<string, unknown> {
  const size = Math.min(Number(query.get('PageSize') ?? 50) || 50, 1000);
  const page = Number(query.get('Page') ?? 0) || 0;
  const uriOf = (number: number) => {
    const next = new URLSearchParams(query);
    next.set('PageSize', String(size));
    next.set('Page', String(number));
    next.set('PageToken', `PA${number}`);
    return `${path}?${next}`;
  };
  const shown = rows.slice(page * size, (page + 1) * size);
  return {
    [name]: shown,
    ...{ page, page_size: size, start: page * size, end: page * size + Math.max(shown.length - 1, 0) },
    ...{ uri: uriOf(page), first_page_uri: uriOf(0), previous_page_uri: page > 0 ? uriOf(page - 1) : null },
    next_page_uri: (page + 1) * size < rows.length ? uriOf(page + 1) : null,
  };
}

/** Cuts one page out of a list, as the newer APIs do: with absolute addresses. */
export function renderMetaPage(
  name: string,
  rows: readonly unknown[],
  url: string,
  query: URLSearchParams,
): Record<string, unknown> {
  const page = renderPage(name, rows, url, query);
  const meta = { key: name, page: page.page, page_size: page.page_size, url: page.uri, next_page_url: page.next_page_uri };
  return { [name]: page[name], meta };
}

import type { AxiosResponse } from 'axios';
import { parseSendResponse } from '../../src/channels/gateway/gateway.ts';
import { readGatewayWebhook } from '../../src/channels/gateway/protocol.ts';
import { parseWithAllDigits } from '../../src/core/foreign.ts';
import { classifyWebhook } from '../../src/highlevel/classify-webhook.ts';
import { listInstalledLocations, mintLocationToken } from '../../src/highlevel/companies.ts';
import { classifyFailure } from '../../src/highlevel/errors.ts';
import { getLocation } from '../../src/highlevel/locations.ts';
import { listMessages } from '../../src/highlevel/message-list.ts';
import { addInboundMessage, type InboundPost } from '../../src/highlevel/messages.ts';
import { processCodeResponse, processReconnectResponse, processRefreshResponse } from '../../src/highlevel/oauth.ts';
import { readAppEvent, readDeliveryWebhook } from '../../src/highlevel/payloads.ts';
import { awaitResponse, type HighLevelResponse } from '../../src/highlevel/response.ts';
import { uploadFile } from '../../src/highlevel/uploads.ts';
import { readUserContext } from '../../src/highlevel/user-context.ts';
import { findUser } from '../../src/highlevel/users.ts';
import { encryptUserContext } from '../../src/sandbox/highlevel/user-context.ts';
import { channelReaders } from './channel-readers.ts';
import { createContactReaders } from './contact-readers.ts';
import { createHighLevelReaders } from './highlevel-readers.ts';
import { mailReaders } from './mail-readers.ts';
import { workflowReaders } from './workflow-readers.ts';
import { allProviders } from './world.ts';

/** A reader of JSON that others have shaped, with a document that it reads. */
export interface ForeignReader {
  /** Where it stands in `src`. */
  readonly file: string;
  readonly document: Readonly<Record<string, unknown>>;
  /** Paths, such as `contact.id`, without which the document is refused or has another meaning. */
  readonly required: readonly string[];
  /** The errors that it is documented to throw. */
  readonly errorCodes: readonly string[];
  /** Lists whose rows are read one by one. */
  readonly lists?: readonly string[];
  /** It decides the identity of a caller: other types are refused rather than read. */
  readonly isStrict?: boolean;
  read(json: string): unknown;
}

const now = new Date('2026-01-01T00:00:00Z');

function createAxiosResponse(data: string, status: number): AxiosResponse<unknown> {
  return { data, status, headers: {} } as AxiosResponse<unknown>;
}

const toResponse = (json: string, status = 200): Promise<HighLevelResponse> =>
  awaitResponse(Promise.resolve(createAxiosResponse(json, status)));

/** A HighLevel that responds to every call with this. */
const respondWith = (json: string) => () => toResponse(json);

const tokens = { access_token: 'a', refresh_token: 'r', expires_in: 86_399, scope: 'x y', userId: 'U' };
const contactRef = { locationId: 'L', contactId: 'C' };
const inboundPost: InboundPost = {
  ...contactRef,
  ...{ provider: { key: 'sms', id: 'P', kind: 'sms' }, direction: 'inbound', externalId: 'x', from: 'f', to: null },
  ...{ text: 't', html: null, subject: null, attachments: [], emailMessageId: null, occurredAt: null, callStatus: null },
};
const file = { name: 'a.png', contentType: 'image/png', data: Buffer.from('a') };

export const foreignReaders: Readonly<Record<string, ForeignReader>> = {
  'a delivery webhook': {
    file: 'highlevel/payloads.ts',
    document: {
      ...{ locationId: 'L', messageId: 'M', contactId: 'C', conversationId: 'V', conversationProviderId: 'P', userId: 'U' },
      ...{ type: 'SMS', message: 'hi', phone: '+12025550143', emailTo: ['a@b.c', { email: 'd@e.f' }], emailFrom: 'x@y.z' },
      ...{ html: '<p>hi</p>', subject: 's', attachments: ['https://x.example/a', { url: 'https://x.example/b' }] },
      ...{ emailMessageId: 'E', replyToAltId: 'R' },
    },
    required: ['locationId', 'messageId', 'emailTo.1.email', 'attachments.1.url'],
    lists: ['attachments', 'emailTo'],
    errorCodes: ['payload_invalid'],
    read: (json) => readDeliveryWebhook(Buffer.from(json), false),
  },
  'what a webhook is': {
    file: 'highlevel/classify-webhook.ts',
    document: { locationId: 'L', messageId: 'M', contactId: 'C', phone: '+12025550143', message: 'hi', userId: 'U' },
    required: ['locationId', 'messageId'],
    errorCodes: [],
    read: (json) =>
      classifyWebhook(parseWithAllDigits(json), allProviders[0] ?? 'app', { appId: 'A', providers: allProviders }),
  },
  'an app event': {
    file: 'highlevel/payloads.ts',
    document: {
      ...{ type: 'INSTALL', appId: 'A', companyId: 'C', locationId: 'L', webhookId: 'W', id: 'I', userId: 'U' },
      ...{ whitelabelDetails: { domain: 'd.example' }, currentPlanId: 'p', newPlanId: 'q', previousStatus: 'r' },
      ...{ newStatus: 's', timestamp: '2026-01-01T00:00:00.000Z' },
    },
    // Without its id it is known by its bytes.
    required: ['webhookId'],
    errorCodes: ['payload_invalid'],
    read: (json) => readAppEvent(Buffer.from(json)),
  },
  'an agency’s tokens': {
    file: 'highlevel/oauth.ts',
    document: {
      ...tokens,
      ...{ userType: 'Company', companyId: 'C', locationId: null, isBulkInstallation: true, installToFutureLocations: true },
    },
    required: ['access_token', 'companyId'],
    errorCodes: ['highlevel_unreachable'],
    read: async (json) => processCodeResponse(await toResponse(json), now),
  },
  'a location’s tokens': {
    file: 'highlevel/oauth.ts',
    document: { ...tokens, userType: 'Location', locationId: 'L', companyId: 'C' },
    required: ['access_token', 'locationId'],
    errorCodes: ['highlevel_unreachable'],
    read: async (json) => processRefreshResponse(await toResponse(json), now),
  },
  'a location’s tokens from its company': {
    file: 'highlevel/companies.ts',
    document: { ...tokens, userType: 'Location', locationId: 'L', companyId: 'C' },
    required: ['access_token'],
    errorCodes: ['highlevel_unreachable', 'highlevel_refused'],
    read: (json) => mintLocationToken(respondWith(json), 'C', 'L', now),
  },
  'a code for a lost installation': {
    file: 'highlevel/oauth.ts',
    document: { authorizationCode: 'c' },
    required: ['authorizationCode'],
    errorCodes: ['highlevel_unreachable', 'location_inactive'],
    read: async (json) => processReconnectResponse(await toResponse(json)),
  },
  'an error response': {
    file: 'highlevel/errors.ts',
    document: { message: 'no', error: 'Bad Request', statusCode: 400, traceId: 't' },
    required: ['message'],
    errorCodes: [],
    async read(json) {
      const { error, permission } = classifyFailure({ operation: 'getContact' }, await toResponse(json, 400));
      return { code: error.code, details: error.details, permission };
    },
  },
  'an error response in several words': {
    file: 'highlevel/response.ts',
    document: { message: ['phone must be valid', 'name is missing'] },
    required: ['message'],
    errorCodes: [],
    async read(json) {
      const { text: _, ...response } = await toResponse(json, 400);
      return { ...response, body: null };
    },
  },
  'a listing of locations': {
    file: 'highlevel/companies.ts',
    document: {
      locations: [
        { _id: 'L1', name: 'One', isInstalled: true },
        { _id: 'L2', name: 'Two', isInstalled: true },
      ],
      installToFutureLocations: true,
    },
    required: ['locations', 'locations.0._id', 'locations.1._id'],
    lists: ['locations'],
    errorCodes: ['highlevel_unreachable'],
    async read(json) {
      const page = await listInstalledLocations(respondWith(json), { companyId: 'C', appId: 'A' }, { skip: 0 });
      return { ...page, rows: undefined, unread: undefined };
    },
  },
  ...createContactReaders(respondWith, now),
  'a location': {
    file: 'highlevel/locations.ts',
    document: { location: { name: 'One', timezone: 'UTC', country: 'US' } },
    required: [],
    errorCodes: [],
    read: (json) => getLocation(respondWith(json), 'L'),
  },
  'a list of messages': {
    file: 'highlevel/message-list.ts',
    document: {
      messages: [
        { id: 'M', contactId: 'C', conversationId: 'V', conversationProviderId: 'P', direction: 'outbound', body: 'hi' },
        { id: 'N', contactId: 'C', conversationId: 'V', direction: 'inbound', attachments: ['https://x.example/a'] },
      ],
    },
    required: [0, 1].flatMap((row) => ['id', 'contactId', 'conversationId'].map((name) => `messages.${row}.${name}`)),
    lists: ['messages'],
    errorCodes: [],
    read: async (json) => (await listMessages(respondWith(json), { ...contactRef, since: now })).messages,
  },
  'a posted message': {
    file: 'highlevel/messages.ts',
    document: { messageId: 'M', conversationId: 'V', emailMessageId: 'E' },
    required: ['messageId'],
    errorCodes: ['highlevel_no_message_id'],
    async read(json) {
      const { response: _, ...posted } = await addInboundMessage(respondWith(json), inboundPost, 'SMS');
      return posted;
    },
  },
  'an upload': {
    file: 'highlevel/uploads.ts',
    document: { uploadedFiles: { 'a.png': 'https://x.example/a' } },
    required: ['uploadedFiles', 'uploadedFiles.a.png'],
    errorCodes: ['highlevel_no_message_id'],
    read: (json) => uploadFile(respondWith(json), { ...contactRef, ...file }),
  },
  'a user': {
    file: 'highlevel/users.ts',
    document: { id: 'U', companyId: 'C', roles: { type: 'agency', role: 'admin', locationIds: ['L'] } },
    required: ['roles', 'roles.type', 'roles.role'],
    errorCodes: [],
    read: (json) => findUser(respondWith(json), 'C', 'U'),
  },
  'a user context': {
    file: 'highlevel/user-context.ts',
    document: {
      ...{ userId: 'U', companyId: 'C', activeLocation: 'L', role: 'admin', type: 'agency', userName: 'Maya', email: 'a@b.c' },
      whitelabelDetails: { domain: 'd.example', logoUrl: 'https://x.example/logo' },
    },
    required: ['userId', 'companyId', 'role', 'type'],
    errorCodes: ['context_invalid'],
    isStrict: true,
    read: (json) =>
      readUserContext(
        encryptUserContext(JSON.parse(json), 'secret', (length) => Buffer.alloc(length, 1)),
        ['secret'],
      ),
  },
  'a gateway’s response to a message': {
    file: 'channels/gateway/gateway.ts',
    document: { externalId: 'x', status: 'delivered', error: { code: '1', message: 'no' } },
    required: [],
    errorCodes: [],
    read: (json) => parseSendResponse(createAxiosResponse(json, 200), now.getTime()),
  },
  'a gateway’s refusal of a message': {
    file: 'channels/gateway/gateway.ts',
    document: { error: { code: '21610', message: 'opted out' } },
    required: [],
    errorCodes: [],
    read: (json) => parseSendResponse(createAxiosResponse(json, 400), now.getTime()),
  },
  'a gateway’s receipt': {
    file: 'channels/gateway/protocol.ts',
    document: {
      ...{ id: '0191d4e0-0000-7000-8000-000000000000', externalId: 'x', status: 'failed', recipient: 'a@b.c' },
      ...{ error: { code: '1', message: 'no' }, at: '2026-01-01T00:00:00Z' },
    },
    required: ['status'],
    errorCodes: ['payload_invalid'],
    read: (json) => readGatewayWebhook('status', Buffer.from(json)),
  },
  'a gateway’s inbound message': {
    file: 'channels/gateway/protocol.ts',
    document: {
      ...{ externalId: 'x', from: '+12025550143', to: '+12025550100', name: 'Maya', text: 'hi', html: '<p>hi</p>' },
      ...{ subject: 's', attachments: ['https://x.example/a', { link: 'https://x.example/b' }], at: '2026-01-01T00:00:00Z' },
      ...{ replyToExternalId: 'y', inReplyTo: 'z', direction: 'inbound' },
    },
    required: ['externalId', 'from', 'attachments.1.link'],
    lists: ['attachments'],
    errorCodes: ['payload_invalid'],
    read: (json) => readGatewayWebhook('inbound', Buffer.from(json)),
  },
  ...createHighLevelReaders(respondWith, inboundPost),
  ...channelReaders,
  ...workflowReaders,
  ...mailReaders,
};

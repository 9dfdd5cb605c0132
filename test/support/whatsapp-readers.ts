import type { AxiosResponse } from 'axios';
import type { WhatsAppConfig } from '../../src/channels/whatsapp-cloud/config.ts';
import { toGraphResult } from '../../src/channels/whatsapp-cloud/graph.ts';
import { readErrors } from '../../src/channels/whatsapp-cloud/graph-error.ts';
import { describeReferral, toMessageText } from '../../src/channels/whatsapp-cloud/message-text.ts';
import { readPhoneNumbers, readSubscribedApps } from '../../src/channels/whatsapp-cloud/phone-number.ts';
import { readAccountUpdate } from '../../src/channels/whatsapp-cloud/read-account.ts';
import { readMessage } from '../../src/channels/whatsapp-cloud/read-message.ts';
import { readStatus } from '../../src/channels/whatsapp-cloud/read-status.ts';
import { readWebhook } from '../../src/channels/whatsapp-cloud/read-webhook.ts';
import { readMediaAddress, readMessageId, readUploadId } from '../../src/channels/whatsapp-cloud/responses.ts';
import { parseTemplate } from '../../src/channels/whatsapp-cloud/template-definition.ts';
import { readTemplatePage } from '../../src/channels/whatsapp-cloud/templates.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import type { ForeignReader } from './foreign-readers.ts';

const owner = { phoneNumberId: '106540352242922', businessAccountId: '102290129340398' };
const metadata = { display_phone_number: '15550783881', phone_number_id: owner.phoneNumberId };
const error = { code: 131026, title: 'T', message: 'M', error_subcode: 7, error_data: { details: 'D' }, is_transient: true };
const template = {
  ...{ name: 'hello', language: 'en_US', status: 'APPROVED', category: 'UTILITY', parameter_format: 'NAMED' },
  components: [
    { type: 'HEADER', format: 'TEXT', text: 'News' },
    { type: 'BODY', text: 'Hi {{name}}.' },
    { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Go', url: 'https://x.example/' }] },
  ],
};
const image = { id: '7001', mime_type: 'image/jpeg', sha256: 'abc=', caption: 'here', filename: 'a.jpg' };
const textMessage = { from: '16505551234', id: 'wamid.1', timestamp: '1749416383', type: 'text', text: { body: 'hello' } };
const status = {
  ...{ id: 'wamid.2', status: 'failed', timestamp: '1749416383', recipient_id: '16505551234', recipient_user_id: 'US.1' },
  ...{ recipient_type: 'individual', biz_opaque_callback_data: '0191d4e0-0000-7000-8000-000000000000:0/2' },
  errors: [{ ...error, code: 131050 }],
};

const noErrors = { required: [], errorCodes: [] } as const;
const config = { accessToken: 'EAAG', appSecret: 'secret' } as WhatsAppConfig;

/** Describes each kind of message of a document that has several. */
function describeAll(json: string) {
  const message = toObject(parseWithAllDigits(json));
  const types = ['text', 'interactive', 'location', 'contacts', 'order', 'reaction', 'system', 'unsupported', 'button'];
  const texts = types.map((type) => toMessageText(type, message[type], message));
  return { texts, referral: describeReferral(message.referral) };
}

/** Readers of Meta's JSON. */
export const whatsAppReaders: Readonly<Record<string, ForeignReader>> = {
  'WhatsApp’s webhook': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/read-webhook.ts',
    document: {
      object: 'whatsapp_business_account',
      entry: [
        {
          id: owner.businessAccountId,
          changes: [
            {
              field: 'messages',
              value: {
                metadata,
                contacts: [{ profile: { name: 'Zoe', username: 'zoe.b' }, wa_id: '16505551234', user_id: 'US.1' }],
                messages: [textMessage],
                statuses: [status],
                errors: [{ ...error, code: 131031 }],
              },
            },
            { field: 'smb_message_echoes', value: { metadata, message_echoes: [{ ...textMessage, to: '16505551235' }] } },
          ],
        },
        {
          id: owner.businessAccountId,
          changes: [
            {
              field: 'user_preferences',
              value: {
                metadata,
                user_preferences: [
                  {
                    wa_id: '16505551234',
                    user_id: 'US.1',
                    category: 'marketing_messages',
                    value: 'stop',
                    timestamp: 1749416383,
                    detail: 'd',
                  },
                ],
              },
            },
            { field: 'account_update', value: { event: 'ACCOUNT_DELETED' } },
          ],
        },
      ],
    },
    lists: ['entry'],
    errorCodes: ['payload_invalid'],
    read: (json) => readWebhook(Buffer.from(json), owner),
  },
  'WhatsApp’s status of a message': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/read-status.ts',
    document: status,
    required: ['id', 'status'],
    lists: ['errors'],
    read: (json) => ({ events: readStatus(parseWithAllDigits(json)) }),
  },
  'WhatsApp’s message with a file': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/read-message.ts',
    document: {
      ...textMessage,
      type: 'image',
      image,
      from_user_id: 'US.1',
      context: { id: 'wamid.0', from: '1' },
      errors: [error],
    },
    required: ['id', 'from'],
    lists: ['errors'],
    read: (json) => ({ message: readMessage(parseWithAllDigits(json), [], 'inbound') }),
  },
  'WhatsApp’s kinds of message': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/message-text.ts',
    document: {
      text: { body: 'hello' },
      button: { payload: 'P', text: 'Stop' },
      interactive: {
        button_reply: { id: 'b', title: 'Yes' },
        list_reply: { id: 'l', title: 'Monday', description: 'at ten' },
        nfm_reply: { name: 'flow', body: 'Sent', response_json: '{}' },
        call_permission_reply: { response: 'accept' },
      },
      location: { latitude: 38.5, longitude: -77.5, name: 'Office', address: 'Main St', url: 'https://x.example' },
      contacts: [
        {
          name: { formatted_name: 'Zoe' },
          org: { company: 'Acme' },
          phones: [{ phone: '+1', wa_id: '1' }],
          emails: [{ email: 'a@b.c' }],
        },
      ],
      order: { text: 'soon', product_items: [{ product_retailer_id: 'sku', quantity: 2, item_price: 5, currency: 'EUR' }] },
      reaction: { emoji: '👍' },
      system: { body: 'changed' },
      unsupported: { type: 'poll' },
      referral: { headline: 'Ad', source_url: 'https://x.example', source_id: '1' },
    },
    lists: ['contacts'],
    read: describeAll,
  },
  'WhatsApp’s change of an account': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/read-account.ts',
    document: {
      event: 'ACCOUNT_RESTRICTION',
      restriction_info: [{ restriction_type: 'RESTRICTED_CUSTOMER_INITIATED_MESSAGING', expiration: 1 }],
      ban_info: { waba_ban_state: 'DISABLE' },
    },
    lists: ['restriction_info'],
    read: (json) => readAccountUpdate(toObject(parseWithAllDigits(json))),
  },
  'WhatsApp’s errors': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/graph-error.ts',
    document: { errors: [error, { ...error, code: 4 }] },
    lists: ['errors'],
    read: (json) => readErrors(toObject(parseWithAllDigits(json)).errors),
  },
  'WhatsApp’s refusal of a request': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/graph.ts',
    document: { error },
    read(json) {
      const result = toGraphResult(config, { status: 400, data: json, headers: {} } as AxiosResponse<unknown>);
      // Its log is the response as it came.
      return { kind: result.kind, reason: result.kind === 'error' ? result.error : null };
    },
  },
  'WhatsApp’s page of templates': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/templates.ts',
    document: {
      data: [template, { ...template, name: 'other' }],
      paging: { cursors: { after: 'A' }, next: 'https://x.example' },
    },
    lists: ['data'],
    read: (json) => readTemplatePage(parseWithAllDigits(json)),
  },
  'WhatsApp’s template': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/template-definition.ts',
    document: template,
    required: ['name', 'language'],
    lists: ['components'],
    read: (json) => ({ template: parseTemplate(parseWithAllDigits(json)) }),
  },
  'WhatsApp’s numbers and apps': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/phone-number.ts',
    document: {
      data: [
        {
          ...{ id: '1', display_phone_number: '+1 555', verified_name: 'Acme', quality_rating: 'GREEN' },
          health_status: {
            can_send_message: 'LIMITED',
            entities: [
              {
                errors: [
                  { error_code: 1, error_description: 'd', possible_solution: 's' },
                  { code: 1, message: 'm' },
                ],
              },
            ],
          },
          webhook_configuration: { phone_number: 'https://a.example', whatsapp_business_account: 'https://b.example' },
          override_callback_uri: 'https://c.example',
        },
        { id: '2', display_phone_number: '+1 556' },
      ],
    },
    lists: ['data'],
    read(json) {
      const body = parseWithAllDigits(json);
      const { hasOverride } = readSubscribedApps(body);
      return { numbers: readPhoneNumbers(body), hasOverride };
    },
  },
  'WhatsApp’s responses': {
    ...noErrors,
    file: 'channels/whatsapp-cloud/responses.ts',
    document: { messages: [{ id: 'wamid.1' }], id: '7001', url: 'https://x.example', sha256: 'abc' },
    read(json) {
      const body = parseWithAllDigits(json);
      return { messageId: readMessageId(body), uploadId: readUploadId(body), ...readMediaAddress(body) };
    },
  },
};

import {
  classifyError as classifyEvolution,
  describeError as describeEvolutionError,
} from '../../src/channels/evolution/errors.ts';
import { readContent } from '../../src/channels/evolution/read-content.ts';
import { readWebhook as readEvolutionWebhook, readStatusList } from '../../src/channels/evolution/read-webhook.ts';
import { findOther, isCurrent } from '../../src/channels/evolution/register-webhooks.ts';
import {
  readAccount,
  readConnectionState,
  readSentChat as readEvolutionChat,
  readSentKey as readEvolutionKey,
  readMedia,
  readPairing,
} from '../../src/channels/evolution/responses.ts';
import { classifyError, readReason } from '../../src/channels/waha/errors.ts';
import { readAck } from '../../src/channels/waha/read-ack.ts';
import { readWebhook } from '../../src/channels/waha/read-webhook.ts';
import { splitWebhooks } from '../../src/channels/waha/register-webhooks.ts';
import {
  readExistence,
  readLidPhone,
  readPairingCode,
  readQrCode,
  readSentChat,
  readSentKey,
  readSession,
} from '../../src/channels/waha/responses.ts';
import type { ServerError } from '../../src/channels/whatsapp-web/call-server.ts';
import { toServerResult } from '../../src/channels/whatsapp-web/call-server.ts';
import { describeCards, describeLocation } from '../../src/channels/whatsapp-web/describe.ts';
import { toInboundEvents, type WebMessage } from '../../src/channels/whatsapp-web/inbound.ts';
import { readMessageKey } from '../../src/channels/whatsapp-web/jid.ts';
import { parseWithAllDigits, toObject, toText, toTime } from '../../src/core/foreign.ts';
import type { HttpResponse } from '../../src/runtime/outbound-http.ts';
import type { ForeignReader } from './foreign-readers.ts';

const noErrors = { required: [], errorCodes: [] } as const;
const access = { name: 'Server', baseUrl: 'https://s.example', headers: {}, secrets: ['a-secret'] };

const respond = (json: string, status: number) =>
  toServerResult(
    access,
    { data: json, status, headers: {}, statusText: '', config: {} } as unknown as HttpResponse,
    Date.now(),
  );
const toError = (json: string, status: number) => respond(json, status) as ServerError;
const parse = (json: string) => parseWithAllDigits(json);

const wahaMessage = {
  ...{ id: 'false_16505551234@c.us_AAAA', timestamp: 1795773600, from: '16505551234@c.us', fromMe: false, source: 'app' },
  ...{
    to: '16505550000@c.us',
    body: 'hi',
    hasMedia: true,
    ack: 1,
    ackName: 'SERVER',
    vCards: ['BEGIN:VCARD\nFN:Zoe\nEND:VCARD'],
  },
  media: { url: 'http://localhost:3000/api/files/default/a.jpg', mimetype: 'image/jpeg', filename: 'a.jpg' },
  replyTo: { id: 'true_16505551234@c.us_BBBB', hasMedia: false },
  _data: { pushName: 'Zoe', key: { remoteJidAlt: '123456789012345@lid' }, Info: { PushName: 'Zoe', SenderAlt: '1@lid' } },
};
const wahaEvent = {
  ...{ id: 'evt_1', timestamp: 1795773600000, event: 'message.any', session: 'default' },
  me: { id: '16505550000@c.us', pushName: 'Acme' },
  payload: wahaMessage,
};
const evolutionMessage = {
  key: { remoteJid: '5511912345678@s.whatsapp.net', remoteJidAlt: '123456789012345@lid', fromMe: false, id: '3EB0AAAA' },
  ...{ pushName: 'Zoe', messageTimestamp: 1795773600, messageType: 'imageMessage' },
  message: { imageMessage: { caption: 'here', mimetype: 'image/jpeg', contextInfo: { stanzaId: '3EB0BBBB' } } },
};

/** Readers of JSON of WhatsApp-Web servers. */
export const whatsAppWebReaders: Readonly<Record<string, ForeignReader>> = {
  'WAHA’s webhook of a message': {
    ...noErrors,
    file: 'channels/waha/read-webhook.ts',
    document: wahaEvent,
    required: ['event', 'payload', 'payload.id', 'payload.from'],
    errorCodes: ['payload_invalid'],
    read: (json) => readWebhook(Buffer.from(json), 'default'),
  },
  'WAHA’s acknowledgement': {
    ...noErrors,
    file: 'channels/waha/read-ack.ts',
    document: { id: 'true_16505551234@c.us_BBBB', fromMe: true, ack: 2, ackName: 'DEVICE' },
    required: ['id', 'ack', 'fromMe'],
    read: (json) => ({ events: readAck(toObject(parse(json))) }),
  },
  'WAHA’s refusal': {
    ...noErrors,
    file: 'channels/waha/errors.ts',
    document: {
      statusCode: 422,
      message: ['no'],
      error: 'Bad',
      exception: { message: 'x' },
      status: 'FAILED',
      expected: ['WORKING'],
    },
    required: ['expected', 'expected.0'],
    lists: ['message'],
    read: (json) => ({ kind: classifyError(toError(json, 422)), reason: readReason({ ...toError(json, 422), text: '' }) }),
  },
  'WAHA’s webhooks of a session': {
    ...noErrors,
    file: 'channels/waha/register-webhooks.ts',
    document: { webhooks: [{ url: 'https://a.example', events: ['*'] }, { url: 'https://b.example' }] },
    read: (json) => splitWebhooks(toObject(parse(json)), 'https://a.example').ours.length,
  },
  'WAHA’s responses': {
    ...noErrors,
    file: 'channels/waha/responses.ts',
    document: {
      ...{ name: 'default', status: 'WORKING', me: { id: '16505550000@c.us', pushName: 'A' }, config: { webhooks: [] } },
      ...{ id: 'true_16505551234@c.us_BBBB', to: '16505551234@c.us', key: { id: 'K', remoteJid: '1650555@c.us' } },
      ...{
        _data: { id: { _serialized: 'true_1@c.us_X' } },
        numberExists: true,
        chatId: '16505551234@c.us',
        pn: '16505551234@c.us',
      },
      ...{ mimetype: 'image/png', data: 'AAAA', code: 'ABCD-EFGH' },
    },
    // The other forms of an id are read where the first one is missing.
    required: ['name', 'status'],
    read(json) {
      const body = parse(json);
      const session = readSession(body);
      return {
        session: session && { ...session, config: undefined },
        sent: [readSentKey(body), readSentChat(body)],
        found: [readExistence(body), readLidPhone(body), readQrCode(body), readPairingCode(body)],
      };
    },
  },
  'Evolution’s webhook of a message': {
    ...noErrors,
    file: 'channels/evolution/read-webhook.ts',
    document: { event: 'messages.upsert', instance: 'acme', data: evolutionMessage, sender: '5511900000000@s.whatsapp.net' },
    required: ['event', 'data', 'data.key', 'data.key.id', 'data.key.remoteJid'],
    errorCodes: ['payload_invalid'],
    read: (json) => readEvolutionWebhook(Buffer.from(json), 'acme'),
  },
  'Evolution’s webhook of states': {
    ...noErrors,
    file: 'channels/evolution/read-webhook.ts',
    document: {
      ...{ event: 'MESSAGES_UPDATE', instance: 'acme' },
      data: [
        { keyId: 'K', key: { id: 'K', fromMe: true }, id: 'K', fromMe: true, status: 'ERROR', messageStubParameters: ['463'] },
      ],
    },
    required: ['event'],
    lists: ['data'],
    errorCodes: ['payload_invalid'],
    read: (json) => readEvolutionWebhook(Buffer.from(json), 'acme'),
  },
  'Evolution’s list of states': {
    ...noErrors,
    file: 'channels/evolution/read-webhook.ts',
    document: { rows: [{ status: 'DELIVERY_ACK' }, { status: 'READ' }] },
    lists: ['rows'],
    read: (json) => ({ receipt: readStatusList(toObject(parse(json)).rows, 'K') }),
  },
  'Evolution’s content of a message': {
    ...noErrors,
    file: 'channels/evolution/read-content.ts',
    document: {
      conversation: 'hi',
      extendedTextMessage: { text: 'hi', contextInfo: { stanzaId: 'Q' } },
      locationMessage: { degreesLatitude: 1.5, degreesLongitude: 2.5, name: 'N', address: 'A' },
      contactMessage: { displayName: 'Zoe', vcard: 'FN:Zoe' },
      listResponseMessage: { title: 'T', singleSelectReply: { selectedRowId: 'R' } },
      buttonsResponseMessage: { selectedDisplayText: 'B' },
    },
    read: (json) => readContent(parse(json), 'K', undefined),
  },
  'Evolution’s refusal': {
    ...noErrors,
    file: 'channels/evolution/errors.ts',
    document: {
      ...{ status: 400, error: 'Bad Request', code: 'LICENSE_REQUIRED', register_url: 'https://l.example/r' },
      response: { message: [['a', { exists: false, number: '1' }], 'b'] },
    },
    read: (json) => [classifyEvolution(toError(json, 400)), describeEvolutionError({ ...toError(json, 400), text: '' })],
  },
  'Evolution’s webhook settings': {
    ...noErrors,
    file: 'channels/evolution/register-webhooks.ts',
    document: {
      ...{ enabled: true, url: 'https://p.example/c/webhook', headers: { authorization: 'Bearer s' } },
      ...{ events: ['MESSAGES_UPSERT'], webhookByEvents: false },
    },
    lists: ['events'],
    read(json) {
      const webhook = toObject(parse(json));
      const url = 'https://p.example/c/webhook';
      return [isCurrent(webhook, url, 's'), findOther(webhook, url), findOther(webhook, 'https://other.example')];
    },
  },
  'Evolution’s responses': {
    ...noErrors,
    file: 'channels/evolution/responses.ts',
    document: {
      ...{ key: { id: 'K', remoteJid: '16505551234@s.whatsapp.net' }, instance: { state: 'open' }, state: 'open' },
      ...{ base64: 'data:image/png;base64,AAAA', pairingCode: 'WXYZ-1234', qrcode: { base64: 'data:image/png;base64,BBBB' } },
      ...{ mimetype: 'image/png', fileName: 'a.png' },
      rows: [{ name: 'acme', ownerJid: '16505550000@s.whatsapp.net', profileName: 'A' }],
    },
    lists: ['rows'],
    read(json) {
      const body = parse(json);
      return {
        sent: [readEvolutionKey(body), readEvolutionChat(body)],
        state: readConnectionState(body),
        account: readAccount(toObject(body).rows, 'acme'),
        pairing: readPairing(body),
        media: readMedia({ ...toObject(body), base64: 'AAAA' }),
      };
    },
  },
  'a response of a WhatsApp-Web server': {
    ...noErrors,
    file: 'channels/whatsapp-web/call-server.ts',
    document: { id: 'x', token: 't' },
    read: (json) => ({ ...respond(json, 200), log: undefined, body: undefined }),
  },
  'a contact card and a place': {
    ...noErrors,
    file: 'channels/whatsapp-web/describe.ts',
    document: { cards: ['FN:Zoe\nTEL:+1', 'FN:Max'], latitude: '1.5', longitude: 2.5, name: 'N' },
    read(json) {
      const { cards, latitude, longitude, name } = toObject(parse(json));
      return { cards: describeCards(cards), place: describeLocation(latitude, longitude, [name]) };
    },
  },
  'a name and a time of a WhatsApp-Web message': {
    ...noErrors,
    file: 'channels/whatsapp-web/inbound.ts',
    document: { name: 'Zoe', at: 1795773600 },
    read(json) {
      const { name, at } = toObject(parse(json));
      const message: WebMessage = {
        ...{
          key: 'K',
          person: { phone: '16505551234', lid: undefined },
          isOwn: false,
          ownPhone: undefined,
          name: toText(name),
          text: 'hi',
        },
        ...{ attachments: [], replyTo: undefined, at: toTime(at) },
      };
      return toInboundEvents(message);
    },
  },
  'an id of a WhatsApp-Web message': {
    ...noErrors,
    file: 'channels/whatsapp-web/jid.ts',
    document: { id: 'true_16505551234@c.us_BBBB' },
    read: (json) => ({ key: readMessageKey(toObject(parse(json)).id) }),
  },
};

import { toList, toNumber, toObject, toText } from '../../core/foreign.ts';
import type { InboundAttachment } from '../channel.ts';
import { describeCards, describeLocation, describeReaction } from '../whatsapp-web/describe.ts';
import { readMessageKey } from '../whatsapp-web/jid.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Content {
  readonly text: string;
  readonly attachments: readonly InboundAttachment[];
  readonly replyTo: string | undefined;
}

const empty: Content = { text: '', attachments: [], replyTo: undefined };

/** Messages around a message. */
const wrappers = [
  'ephemeralMessage',
  'viewOnceMessage',
  'viewOnceMessageV2',
  'viewOnceMessageV2Extension',
  'documentWithCaptionMessage',
  'deviceSentMessage',
  'editedMessage',
];
const maxDepth = 4;

/** Unwraps the message that is inside of others. */
function unwrapMessage(value: unknown, depth = 0): Fields {
  const message = toObject(value);
  if (depth >= maxDepth) return message;
  const inner = wrappers.map((name) => toObject(toObject(message[name]).message)).find((one) => Object.keys(one).length > 0);
  return inner ? unwrapMessage(inner, depth + 1) : message;
}

const fileTypes = ['imageMessage', 'videoMessage', 'ptvMessage', 'audioMessage', 'documentMessage', 'stickerMessage'];

/** Reads the words of a message and its file. Nothing is left of one that has no content for people, such as a key of a group. */
export function readContent(value: unknown, key: string | undefined, contextInfo: unknown): Content {
  const message = unwrapMessage(value);
  const type = fileTypes.find((name) => Object.keys(toObject(message[name])).length > 0);
  const content = toObject(message[type ?? '']);
  const replyTo = findQuoted(message, contextInfo);
  if (type && key) {
    return { text: toText(content.caption) ?? '', attachments: [toFile(key, content)], replyTo };
  }
  const reaction = toObject(message.reactionMessage);
  if (Object.keys(reaction).length > 0) {
    return { ...empty, text: describeReaction(reaction.text), replyTo: readMessageKey(toObject(reaction.key).id) };
  }
  return { ...empty, text: describeWords(message) ?? '', replyTo };
}

function toFile(key: string, { fileName, title, mimetype }: Fields): InboundAttachment {
  const name = toText(fileName) ?? toText(title);
  return {
    ref: key,
    name: name?.slice(0, 200).toWellFormed(),
    contentType: toText(mimetype)?.slice(0, 200).toWellFormed(),
  };
}

function describeWords(message: Fields): string | undefined {
  const place = [toObject(message.locationMessage), toObject(message.liveLocationMessage)].find(
    ({ degreesLatitude }) => toNumber(degreesLatitude) !== undefined,
  );
  if (place) return describeLocation(place.degreesLatitude, place.degreesLongitude, [place.name, place.address]);
  const cards = [message.contactMessage, ...toList(toObject(message.contactsArrayMessage).contacts)].map(toObject);
  return (
    toText(message.conversation) ??
    toText(toObject(message.extendedTextMessage).text) ??
    describeCards(cards.map(({ vcard }) => vcard)) ??
    describeChoice(message)
  );
}

/** Reads the contact's choice among buttons or in a list. */
function describeChoice(message: Fields): string | undefined {
  const buttons = toObject(message.buttonsResponseMessage);
  const template = toObject(message.templateButtonReplyMessage);
  const list = toObject(message.listResponseMessage);
  const interactive = toObject(toObject(message.interactiveResponseMessage).body);
  return (
    toText(buttons.selectedDisplayText) ??
    toText(template.selectedDisplayText) ??
    toText(list.title) ??
    toText(toObject(list.singleSelectReply).selectedRowId) ??
    toText(interactive.text)
  );
}

/** Finds the message that this one replies to: its context is beside the message, or inside of its content. */
function findQuoted(message: Fields, contextInfo: unknown): string | undefined {
  const contexts = [contextInfo, ...Object.values(message).map((content) => toObject(content).contextInfo)];
  return contexts.map((context) => readMessageKey(toObject(context).stanzaId)).find(Boolean);
}

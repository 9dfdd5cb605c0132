import { createHash } from 'node:crypto';
import { formatCount } from '../../core/format-count.ts';
import { type Tlv, tags } from '../../core/smpp/pdu.ts';
import { type SmsOptions, toSmsText } from '../../core/sms/sms-message.ts';
import { countSegments, splitText, type TextPart } from '../../core/sms/split-text.ts';
import type { OutboundMessage } from '../channel.ts';
import { chooseSender, toDestination, toSource } from './addresses.ts';
import { parseOptionalFields, type SmppConfig } from './config.ts';
import type { Request } from './link.ts';

const headerFlag = 0x40;
const maxPayloadOctets = 60_000;

/** Returns how the messages of a connection are split into parts. */
export function toSmsOptions(config: SmppConfig): SmsOptions {
  const { defaultCharset, latin1, nationalLanguage, longMessages, replaceLookAlikes: replacesLookAlikes } = config;
  const language = nationalLanguage === 'none' ? undefined : nationalLanguage;
  return { defaultCharset, latin1, longMessages, language, replacesLookAlikes, files: 'in_text' };
}

/**
 * Returns the number that joins the parts of a message on the phone. It follows from the message, so that an attempt which continues with the
 * third part has that of the first two, in another process, too. A counter would have to be stored for each message before it is sent.
 */
function toReference(idempotencyKey: string): number {
  return createHash('sha256').update(idempotencyKey).digest().readUInt16BE(0);
}

/** Builds the commands of a message, one for each part. @returns a rejection for one that the carrier could not take */
export function planSubmits(
  config: SmppConfig,
  message: Pick<OutboundMessage, 'idempotencyKey' | 'to' | 'from' | 'text' | 'attachments'>,
): Request[] | { code: string; message: string } {
  const options = toSmsOptions(config);
  const text = toSmsText(message, options);
  if (text === '') return { code: 'empty', message: 'The message has neither text nor a file.' };
  if (!/^\+?\d{3,20}$/.test(message.to)) return { code: 'invalid_recipient', message: `${message.to} is no telephone number.` };
  const parts = splitText(text, options, toReference(message.idempotencyKey));
  const { segmentCount } = countSegments(text, options);
  if (segmentCount > config.maxParts || parts.some(({ octets }) => octets.length > maxPayloadOctets)) {
    return {
      code: 'too_long',
      message: `The message has ${formatCount(segmentCount, 'part')}; this connection sends ${config.maxParts} at most.`,
    };
  }
  return parts.map((part) => toRequest(config, message, part));
}

function toRequest(config: SmppConfig, { to, from }: Pick<OutboundMessage, 'to' | 'from'>, part: TextPart): Request {
  const source = toSource(chooseSender(config, from).sender, config);
  const destination = toDestination(to, config);
  return {
    command: 'submit_sm',
    fields: {
      serviceType: config.serviceType,
      ...{ sourceTon: source.ton, sourceNpi: source.npi, sourceAddress: source.address },
      ...{ destinationTon: destination.ton, destinationNpi: destination.npi, destinationAddress: destination.address },
      esmClass: part.hasHeader ? headerFlag : 0,
      validityPeriod: config.validityMinutes === undefined ? '' : toRelativeTime(config.validityMinutes),
      registeredDelivery: config.requestReceipts ? 1 : 0,
      dataCoding: part.dataCoding,
      shortMessage: part.isPayload ? Buffer.alloc(0) : part.octets,
    },
    tlvs: [...listPartFields(part), ...parseOptionalFields(config.optionalFields)],
  };
}

function listPartFields({ isPayload, octets, sar }: TextPart): Tlv[] {
  const payload = isPayload ? [{ tag: tags.messagePayload, value: octets }] : [];
  if (!sar) return payload;
  const reference = Buffer.alloc(2);
  reference.writeUInt16BE(sar.reference);
  return [
    ...payload,
    { tag: tags.sarReference, value: reference },
    { tag: tags.sarTotal, value: Buffer.of(sar.total) },
    { tag: tags.sarPart, value: Buffer.of(sar.part) },
  ];
}

/** Writes a duration as `YYMMDDhhmmss000R`. */
function toRelativeTime(minutes: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `0000${two(Math.floor(minutes / 1_440))}${two(Math.floor(minutes / 60) % 24)}${two(minutes % 60)}00000R`;
}

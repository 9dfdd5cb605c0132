import { findTlv, type Pdu, readOctet, readText, readUserData, tags } from '../../../core/smpp/pdu.ts';
import { decodeText } from '../../../core/sms/decode-text.ts';
import { readUserDataHeader } from '../../../core/sms/user-data-header.ts';

/** A part of a message as the carrier takes it. */
export interface AcceptedPart {
  from: string;
  to: string;
  text: Buffer;
  dataCoding: number;
  tables: { single?: number | undefined; locking?: number | undefined };
  place: { reference: number; total: number; part: number } | null;
}

const headerFlag = 0x40;
const maxAirOctets = 140;

/** Checks a `submit_sm` by the rules of the specification. @returns a status other than 0 for one that the carrier refuses */
export function checkSubmit(pdu: Pdu): { status: number; why: string } | AcceptedPart {
  const refuse = (status: number, why: string) => ({ status, why });
  const to = readText(pdu, 'destinationAddress') ?? '';
  const from = readText(pdu, 'sourceAddress') ?? '';
  const [ton, npi] = [readOctet(pdu, 'destinationTon'), readOctet(pdu, 'destinationNpi')];
  if (ton === 1 && npi === 1 && !/^[1-9]\d{4,14}$/.test(to)) return refuse(0x0b, `${to} is no international number`);
  const sourceTon = readOctet(pdu, 'sourceTon');
  if (sourceTon === 5 && from.length > 11) return refuse(0x0a, `${from} is too long for a name`);
  if (sourceTon === 1 && !/^[1-9]\d{4,14}$/.test(from)) return refuse(0x0a, `${from} is no international number`);
  if (sourceTon > 6) return refuse(0x48, `there is no type of number ${sourceTon}`);
  const payload = findTlv(pdu.tlvs, tags.messagePayload);
  const short = pdu.fields?.shortMessage as Buffer;
  if (payload && short.length > 0) return refuse(0x01, 'a text in two places');
  if (!payload && short.length > 254) return refuse(0x01, 'a text of more than 254 octets');
  const octets = readUserData(pdu);
  const hasHeader = (readOctet(pdu, 'esmClass') & headerFlag) !== 0;
  const read = hasHeader ? readUserDataHeader(octets) : null;
  if (hasHeader && !read) return refuse(0x43, 'a header that does not fit');
  const sar = readSar(pdu);
  if (sar && read) return refuse(0xc1, 'a header and fields for the same');
  const text = read?.text ?? octets;
  const dataCoding = readOctet(pdu, 'dataCoding');
  const onAir = octets.length - text.length + Math.ceil(dataCoding === 0 ? (text.length * 7) / 8 : text.length);
  if (!payload && onAir > maxAirOctets) return refuse(0x01, `${onAir} octets on the air`);
  return { from, to, text, dataCoding, tables: read?.header.tables ?? {}, place: read?.header.concatenation ?? sar };
}

function readSar({ tlvs }: Pdu): AcceptedPart['place'] {
  const [reference, total, part] = [tags.sarReference, tags.sarTotal, tags.sarPart].map((tag) => findTlv(tlvs, tag));
  if (!reference || !total || !part) return null;
  return { reference: reference.readUInt16BE(0), total: total.readUInt8(0), part: part.readUInt8(0) };
}

/** Joins the parts of a message as a phone does. */
export function joinTexts(parts: readonly AcceptedPart[]): string {
  return parts
    .toSorted((one, other) => (one.place?.part ?? 1) - (other.place?.part ?? 1))
    .map(({ text, dataCoding, tables }) => decodeText(text, dataCoding, { defaultCharset: 'gsm', tables }) ?? '')
    .join('');
}

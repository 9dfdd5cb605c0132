import { tags } from '../../../core/smpp/pdu.ts';
import { encodeGsm } from '../../../core/sms/gsm-alphabet.ts';
import type { SimDelivery, SimSms } from './state.ts';

const headerFlag = 0x40;
const receiptType = 0x04;
const bare = (address: string) => address.replace(/^\+/, '');

/** Builds the receipt of one part, as most carriers do: a text, and the state beside it. */
export function toReceipt(
  { from, to, text }: SimSms,
  id: number,
  options: { word: string; messageState: number; form: 'hex' | 'decimal' | undefined; now: number },
): Omit<SimDelivery, 'id'> {
  const { word, messageState, form, now } = options;
  const name = form === 'hex' ? id.toString(16).padStart(8, '0') : String(id).padStart(10, '0');
  const date = new Date(now).toISOString().replace(/\D/g, '').slice(2, 12);
  const error = messageState === 2 ? '000' : '011';
  const dates = `submit date:${date} done date:${date}`;
  const words = `id:${name} sub:001 dlvrd:001 ${dates} stat:${word} err:${error} text:${text.slice(0, 20)}`;
  return {
    fields: {
      ...{ sourceTon: 1, sourceNpi: 1, sourceAddress: to, destinationAddress: from, esmClass: receiptType },
    },
    octets: Buffer.from(words, 'latin1').toString('base64'),
    tlvs: [{ tag: tags.messageState, value: Buffer.of(messageState).toString('base64') }],
  };
}

/** Builds a message of a contact, in as many parts as it needs. */
export function toDeliveries(
  { from, to, text }: { from: string; to: string; text: string },
  reference: number,
): Omit<SimDelivery, 'id'>[] {
  const gsm = encodeGsm(text);
  const octets = gsm ? Buffer.concat(gsm) : Buffer.from(text, 'utf16le').swap16();
  const size = gsm ? 153 : 134;
  const total = octets.length <= (gsm ? 160 : 140) ? 1 : Math.ceil(octets.length / size);
  return Array.from({ length: total }, (_, index) => {
    const header = total === 1 ? Buffer.alloc(0) : Buffer.of(5, 0, 3, reference, total, index + 1);
    const body = total === 1 ? octets : octets.subarray(index * size, (index + 1) * size);
    const fields = {
      ...{ sourceTon: 1, sourceNpi: 1, sourceAddress: bare(from), destinationTon: 1, destinationNpi: 1 },
      ...{ destinationAddress: bare(to), esmClass: total === 1 ? 0 : headerFlag, dataCoding: gsm ? 0 : 8 },
    };
    return { fields, octets: Buffer.concat([header, body]).toString('base64'), tlvs: [] };
  });
}

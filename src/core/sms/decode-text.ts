import type { DefaultCharset } from './encode-text.ts';
import { decodeGsm, type ShiftTables } from './gsm-alphabet.ts';

/** Character sets of data codings that a decoder of the runtime knows. */
const charsets: Readonly<Record<number, string>> = {
  5: 'shift_jis',
  6: 'iso-8859-5',
  7: 'iso-8859-8',
  10: 'iso-2022-jp',
  13: 'euc-jp',
  14: 'euc-kr',
};

type Alphabet = 'default' | 'ascii' | 'latin1' | 'ucs2' | 'binary' | { readonly charset: string };

/** Returns the alphabet of a data coding (SMPP 5.2.19; GSM 03.38 for those with a message class). */
function findAlphabet(dataCoding: number): Alphabet {
  if (dataCoding < 0x10) {
    if (dataCoding === 0) return 'default';
    if (dataCoding === 1) return 'ascii';
    if (dataCoding === 3) return 'latin1';
    if (dataCoding === 8) return 'ucs2';
    const charset = charsets[dataCoding];
    return charset ? { charset } : 'binary';
  }
  if (dataCoding < 0x40) {
    if ((dataCoding & 0x20) !== 0) return 'binary';
    return (['default', 'binary', 'ucs2', 'binary'] as const)[(dataCoding >> 2) & 3] ?? 'binary';
  }
  if (dataCoding >= 0xc0 && dataCoding < 0xe0) return 'default';
  if (dataCoding >= 0xe0 && dataCoding < 0xf0) return 'ucs2';
  if (dataCoding >= 0xf0) return (dataCoding & 4) === 0 ? 'default' : 'binary';
  return 'binary';
}

/** Decodes the octets of a message. @returns null for binary data, which is no text */
export function decodeText(
  octets: Buffer,
  dataCoding: number,
  { defaultCharset, tables = {} }: { defaultCharset: DefaultCharset; tables?: ShiftTables },
): string | null {
  const alphabet = findAlphabet(dataCoding);
  if (typeof alphabet === 'object') return new TextDecoder(alphabet.charset).decode(octets);
  switch (alphabet) {
    case 'default':
      if (defaultCharset === 'utf8') return octets.toString('utf8');
      return defaultCharset === 'gsm' ? decodeGsm(octets, tables) : octets.toString('latin1');
    case 'ascii':
    case 'latin1':
      return octets.toString('latin1');
    case 'ucs2':
      return decodeUcs2(octets);
    case 'binary':
      return null;
  }
}

/** Drops an odd octet at the end, which is half of a character. */
function decodeUcs2(octets: Buffer): string {
  const whole = Buffer.from(octets.subarray(0, octets.length - (octets.length % 2)));
  return whole.swap16().toString('utf16le').toWellFormed();
}

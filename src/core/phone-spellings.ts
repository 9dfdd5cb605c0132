/**
 * Countries whose mobile numbers have two spellings, of which a vendor may use either: a prefix, and digits between it and the rest that are
 * there or not. WhatsApp knows many Brazilian numbers without the 9, Mexican ones with a 1, and Argentine ones with a 9.
 */
const countries: readonly {
  readonly long: RegExp;
  readonly short: RegExp;
  toShort(digits: string): string;
  toLong(digits: string): string;
}[] = [
  {
    long: /^\+55\d{2}9[6-9]\d{7}$/,
    short: /^\+55\d{2}[6-9]\d{7}$/,
    toShort: (number) => number.slice(0, 5) + number.slice(6),
    toLong: (number) => `${number.slice(0, 5)}9${number.slice(5)}`,
  },
  {
    long: /^\+521\d{10}$/,
    short: /^\+52[2-9]\d{9}$/,
    toShort: (number) => `+52${number.slice(4)}`,
    toLong: (number) => `+521${number.slice(3)}`,
  },
  {
    long: /^\+549\d{10}$/,
    short: /^\+54[1-8]\d{9}$/,
    toShort: (number) => `+54${number.slice(4)}`,
    toLong: (number) => `+549${number.slice(3)}`,
  },
];

/** Lists the spellings of an address, itself first: a phone number may have two, any other address has one. @param address in E.164 */
export function listPhoneSpellings(address: string): string[] {
  for (const { long, short, toShort, toLong } of countries) {
    if (long.test(address)) return [address, toShort(address)];
    if (short.test(address)) return [address, toLong(address)];
  }
  return [address];
}

/**
 * Converts WhatsApp's spelling of a number to the one of its owner. WhatsApp leaves out the ninth digit of many Brazilian mobile numbers, and
 * writes the old 1 of Mexican ones. Argentine mobile numbers keep their 9; one without it is a landline.
 *
 * @param digits with the country code, without the plus sign
 * @returns the number in E.164
 */
export function toUsualSpelling(digits: string): string {
  const [, brazilArea, brazilMobile] = /^55(\d{2})([6-9]\d{7})$/.exec(digits) ?? [];
  if (brazilArea) return `+55${brazilArea}9${brazilMobile}`;
  const [, mexican] = /^521(\d{10})$/.exec(digits) ?? [];
  return `+${mexican ? `52${mexican}` : digits}`;
}

/** Languages with a shift table of their own in GSM 03.38 (3GPP TS 23.038, appendix A) that are written in Latin letters, by their code there. */
export const nationalLanguages = { turkish: 1, spanish: 2, portuguese: 3 } as const;

export type NationalLanguage = keyof typeof nationalLanguages;

/** Code that announces a character of the extension table. */
const escapeCode = 0x1b;

const basicTable =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

const turkishTable =
  '@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bŞşßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  'İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà';

const portugueseTable =
  '@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\u001bÂâÊÉ !"#º%&\'()*+,-./0123456789:;<=>?' +
  'ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà';

const basicExtension = '\f:0a ^:14 {:28 }:29 \\:2f [:3c ~:3d ]:3e |:40 €:65';
const turkishExtension = `${basicExtension} Ğ:47 İ:49 Ş:53 ç:63 ğ:67 ı:69 ş:73`;
const spanishExtension = `${basicExtension} ç:09 Á:41 Í:49 Ó:4f Ú:55 á:61 í:69 ó:6f ú:75`;
const portugueseExtension =
  `${basicExtension} ê:05 ç:09 Ô:0b ô:0c Á:0e á:0f Φ:12 Γ:13 Ω:15 Π:16 Ψ:17 Σ:18 Θ:19 Ê:1f À:41 Í:49 Ó:4f Ú:55 Ã:5b Õ:5c ` +
  'Â:61 í:69 ó:6f ú:75 ã:7b õ:7c â:7f';

interface Table {
  /** Characters by their codes. */
  readonly characters: ReadonlyMap<number, string>;
  readonly codes: ReadonlyMap<string, number>;
}

const toTable = (entries: readonly (readonly [number, string])[]): Table => ({
  characters: new Map(entries),
  codes: new Map(entries.map(([code, character]) => [character, code])),
});
const toLockingTable = (table: string) =>
  toTable([...table].flatMap((character, code) => (code === escapeCode ? [] : [[code, character] as const])));
const toExtensionTable = (list: string) =>
  toTable(list.split(' ').map((entry) => [Number.parseInt(entry.slice(-2), 16), entry.slice(0, 1)] as const));

const basic = toLockingTable(basicTable);
const extension = toExtensionTable(basicExtension);
const lockingTables: ReadonlyMap<number, Table> = new Map([
  [nationalLanguages.turkish, toLockingTable(turkishTable)],
  [nationalLanguages.portuguese, toLockingTable(portugueseTable)],
]);
const singleTables: ReadonlyMap<number, Table> = new Map([
  [nationalLanguages.turkish, toExtensionTable(turkishExtension)],
  [nationalLanguages.spanish, toExtensionTable(spanishExtension)],
  [nationalLanguages.portuguese, toExtensionTable(portugueseExtension)],
]);

/** Shift tables of a text, by the codes of their languages; without one the basic table, or its extension, applies. */
export interface ShiftTables {
  /** Replaces the basic table. */
  readonly locking?: number | undefined;
  /** Replaces the extension table. */
  readonly single?: number | undefined;
}

/** Returns whether a language has a table that replaces the basic one. */
export function hasLockingTable(language: NationalLanguage): boolean {
  return lockingTables.has(nationalLanguages[language]);
}

/**
 * Encodes a text in the GSM alphabet, one octet for each septet as SMPP carries them.
 *
 * @returns the octets of each character, one or two; null when a character is in neither table
 */
export function encodeGsm(text: string, tables: ShiftTables = {}): Buffer[] | null {
  const { locking, single } = findTables(tables);
  const characters: Buffer[] = [];
  for (const character of text) {
    const code = locking.codes.get(character);
    const extended = code === undefined ? single.codes.get(character) : undefined;
    if (code !== undefined) characters.push(Buffer.of(code));
    else if (extended !== undefined) characters.push(Buffer.of(escapeCode, extended));
    else return null;
  }
  return characters;
}

/** Lists the characters that take one septet, and those that take two. */
export function listGsmCharacters(tables: ShiftTables = {}): { single: string; double: string } {
  const { locking, single } = findTables(tables);
  const ofOne = [...locking.codes.keys()];
  return {
    single: ofOne.join(''),
    double: [...single.codes.keys()].filter((character) => !locking.codes.has(character)).join(''),
  };
}

/** Decodes octets of the GSM alphabet. A code that the extension lacks stands for the character of the basic table, as phones show it. */
export function decodeGsm(octets: Uint8Array, tables: ShiftTables = {}): string {
  const { locking, single } = findTables(tables);
  let text = '';
  let isEscaped = false;
  for (const octet of octets) {
    if (octet === escapeCode && !isEscaped) {
      isEscaped = true;
      continue;
    }
    const extended = isEscaped ? single.characters.get(octet) : undefined;
    text += extended ?? locking.characters.get(octet) ?? ' ';
    isEscaped = false;
  }
  return text;
}

/** A language whose table is not known here is read with the basic one: its letters are wrong then, its digits right. */
function findTables({ locking, single }: ShiftTables): { locking: Table; single: Table } {
  return {
    locking: (locking === undefined ? undefined : lockingTables.get(locking)) ?? basic,
    single: (single === undefined ? undefined : singleTables.get(single)) ?? extension,
  };
}

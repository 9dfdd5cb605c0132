/**
 * Words by which a contact opts out, as a whole message, in any language at once: a contact's language is not known. Each is a word that
 * carriers or vendors act on, or one that senders of a country name in their messages ("Responda SAIR ..."). Spelled in capitals, without
 * accents, with one blank.
 *
 * | words | origin |
 * | --- | --- |
 * | STOP, STOPALL, STOP ALL, UNSUBSCRIBE, CANCEL, END, QUIT | carriers of the USA and Canada; Twilio, Telnyx and HighLevel |
 * | REVOKE, OPTOUT, OPT OUT | with the former: the words that the FCC's rule of 2025 names |
 * | ARRET, ARRETER | French; ARRET is required in Canada |
 * | BAJA, ALTO, PARAR | Spanish |
 * | PARAR, SAIR | Portuguese |
 * | STOPP, ABMELDEN, ABBESTELLEN | German; STOPP also in Swedish and Norwegian |
 * | DISISCRIVIMI, CANCELLAMI | Italian, besides STOP |
 * | AFMELDEN, UITSCHRIJVEN | Dutch |
 *
 * CANCEL and END are also replies to an appointment or a menu. They stay, as carriers block on them and the FCC names them: a contact who
 * meant otherwise can be opted in again, a message to one who meant it cannot be taken back. No carrier and no law requires their
 * translations (CANCELAR, ANNULER, ANNULLA, FIN, FINE, ENDE, TERMINAR), nor NO and BASTA, which people reply to questions: they are left out.
 */
const stopWords: ReadonlySet<string> = new Set([
  ...['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT', 'OPT OUT'],
  ...['ARRET', 'ARRETER'],
  ...['BAJA', 'ALTO', 'PARAR', 'SAIR'],
  ...['STOPP', 'ABMELDEN', 'ABBESTELLEN'],
  ...['DISISCRIVIMI', 'CANCELLAMI'],
  ...['AFMELDEN', 'UITSCHRIJVEN'],
]);

/** Words by which a contact opts in again that mean no more than that. */
const startWords: ReadonlySet<string> = new Set(['START', 'UNSTOP', 'OPTIN', 'OPT IN']);

/**
 * Words by which a contact opts in again that also reply to a question: YES is a carriers' word, ALTA is the opposite of BAJA. They count
 * only where there is an opt-out to lift. Translations of YES are left out, as no carrier acts on them.
 */
const ambiguousStartWords: ReadonlySet<string> = new Set(['YES', 'ALTA']);

/** Longer than every word with its punctuation. */
const maxWordChars = 40;
/** A character of a word, as opposed to punctuation, quotation marks, blanks and emojis around it. */
const wordCharacter = /[\p{L}\p{N}]/gu;

/**
 * Recognizes a contact's STOP or START. Only a whole message counts, in any case and with or without accents: never a word inside a
 * sentence, as "don't stop" and "cancel my order" mean something else.
 */
export function parseOptOutWord(text: string): 'stop' | 'start' | null {
  const word = toWord(text);
  if (stopWords.has(word)) return 'stop';
  // A question is no consent.
  const isStart = (startWords.has(word) || ambiguousStartWords.has(word)) && !/[?¿]/.test(text);
  return isStart ? 'start' : null;
}

/** Returns whether a START word means an opt-in only where an opt-out exists. */
export function isAmbiguousStart(text: string): boolean {
  return ambiguousStartWords.has(toWord(text));
}

/** Converts a message to the spelling of the lists; an empty text for one that is too long. */
function toWord(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > maxWordChars) return '';
  const plain = trimmed.normalize('NFKD').replace(/[\p{M}\p{Cf}]/gu, '');
  const positions = [...plain.matchAll(wordCharacter)].map(({ index, 0: character }) => [index, index + character.length]);
  return plain
    .slice(positions[0]?.[0] ?? 0, positions.at(-1)?.[1] ?? 0)
    .replace(/[\s\p{Pd}]+/gu, ' ')
    .toUpperCase();
}

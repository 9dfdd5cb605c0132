import { parseFieldGroups, stripFieldType } from './delivery-fields.ts';
import { type ParsedMail, toAddress } from './parse-mail.ts';

export interface Disposition {
  readonly recipient: string | null;
  /** `displayed`, `deleted`, `processed`, `dispatched` or `denied`. */
  readonly disposition: string;
  readonly isDisplayed: boolean;
}

const maxTypeChars = 40;

/** Reads a disposition notification (RFC 8098). @returns null for other mail */
export function readDisposition(mail: ParsedMail): Disposition | null {
  const part = mail.parts.find(({ type }) => type === 'message/disposition-notification');
  const fields = part && parseFieldGroups(part.text).find((group) => group.has('disposition'));
  if (!fields) return null;
  // `manual-action/MDN-sent-manually; displayed/error`
  const modes = (fields.get('disposition') ?? '').split(';');
  const disposition = (
    modes
      .at(-1)
      ?.trim()
      .toLowerCase()
      .split(/[/,\s]/, 1)[0] ?? ''
  ).slice(0, maxTypeChars);
  const recipient = fields.get('original-recipient') ?? fields.get('final-recipient') ?? '';
  return { recipient: toAddress(stripFieldType(recipient)), disposition, isDisplayed: disposition === 'displayed' };
}

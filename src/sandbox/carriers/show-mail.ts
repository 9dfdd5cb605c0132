import type { CarrierKey, PhoneReply, PhoneText, SandboxPhone } from '../phone.ts';

/** Shows an email in the mail programs of its recipients. */
export function showMail(
  phone: SandboxPhone,
  carrier: CarrierKey,
  mail: { id: string; to: readonly string[]; text: string } & NonNullable<PhoneText['mail']>,
): void {
  const { id, to, text, ...rest } = mail;
  for (const address of to) {
    const number = address.toLowerCase();
    phone.receive({ id: `${id} ${number}`, number, text: text.trim(), attachments: [], carrier, app: 'Email', mail: rest });
  }
}

/** Returns the id of an email at its vendor. */
export function toMailId({ id }: Pick<PhoneText, 'id'>): string {
  return id.split(' ', 1)[0] ?? id;
}

/** Returns the parts of a contact's reply that depend on the email which it replies to. */
export function toReply(phone: SandboxPhone, { number, text, picture }: PhoneReply, carrier: CarrierKey) {
  const last = phone.listTexts(number).findLast(({ isMine, mail, carrier: own }) => !isMine && mail && own === carrier);
  const subject = last?.mail?.subject ?? 'Hello';
  return {
    last,
    subject: last && !/^re:/i.test(subject) ? `Re: ${subject}` : subject,
    text,
    file: picture && {
      name: picture.path.split('/').at(-1) ?? 'picture.png',
      contentType: picture.contentType,
      data: picture.read(),
    },
  };
}

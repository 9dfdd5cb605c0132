/** Content of an inbound email. */
interface MailText {
  readonly text: string | undefined;
  readonly html: string | undefined;
}

/** Adds a note of the program to an inbound email, to its text and to its HTML. @param note null for none */
export function addNote({ text, html }: MailText, note: string | null): MailText {
  if (note === null) return { text, html };
  return {
    text: text === undefined ? note : `${text}\n\n${note}`,
    html: html === undefined ? undefined : `${html}<p>${escapeHtml(note)}</p>`,
  };
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

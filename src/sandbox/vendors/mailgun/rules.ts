import type { MailgunState, SimDomain, SimMail } from './state.ts';

/** A form with its files. */
export interface MailForm {
  readonly fields: readonly (readonly [string, string])[];
  readonly files: readonly { field: string; name: string; contentType: string; data: Buffer }[];
}

export type Refusal = { readonly status: number; readonly message: string };

const maxBytes = 25 * 1024 * 1024;
const maxRecipients = 1_000;
const options = new Set(['o:tag', 'o:tracking', 'o:tracking-opens', 'o:tracking-clicks', 'o:require-tls', 'o:testmode']);
const names = new Set(['from', 'to', 'cc', 'bcc', 'subject', 'text', 'html', 'attachment', 'inline']);

/** Returns the values of a field. */
export function getAll({ fields }: MailForm, name: string): string[] {
  return fields.flatMap(([field, value]) => (field === name ? [value] : []));
}

/** Returns the first value of a field. */
export function getFirst(form: MailForm, name: string): string | undefined {
  return getAll(form, name)[0];
}

/** Returns the address in a recipient or a sender; null where it has none. */
export function findAddress(text: string): string | null {
  const address = /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text.trim();
  return /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+\.[^\s@<>(),;:".]+$/.test(address) ? address : null;
}

/** Checks a send as strictly as Mailgun. */
export function checkSend(state: MailgunState, domain: SimDomain, form: MailForm): Refusal | null {
  const refuse = (message: string, status = 400): Refusal => ({ status, message });
  const from = getFirst(form, 'from');
  if (from === undefined) return refuse('from parameter is missing');
  if (findAddress(from) === null) return refuse("'from' parameter is not a valid address. please check documentation");
  const to = getAll(form, 'to');
  if (to.length === 0) return refuse('to parameter is missing');
  if (to.some((one) => findAddress(one) === null)) {
    return refuse("'to' parameter is not a valid address. please check documentation");
  }
  if (to.length > maxRecipients) return refuse('too many recipients');
  if (!getFirst(form, 'text') && !getFirst(form, 'html'))
    return refuse("Need at least one of 'text' or 'html' parameters specified");
  const bytes = form.files.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > maxBytes) return refuse('Request Entity Too Large', 413);
  if (domain.state === 'unverified') {
    return refuse(
      `Domain ${domain.name} is not allowed to send: The domain is unverified and requires DNS configuration.`,
      403,
    );
  }
  if (domain.state === 'disabled') return refuse(`Domain ${domain.name} is not allowed to send: the domain is disabled`, 403);
  if (domain.type === 'sandbox' && to.some((one) => !isAuthorized(state, one))) {
    return refuse('Sandbox subdomains are for test purposes only. Please add the address to authorized recipients.', 403);
  }
  return null;
}

function isAuthorized(_state: MailgunState, recipient: string): boolean {
  return findAddress(recipient)?.startsWith('authorized@') ?? false;
}

/** Lists what breaks Mailgun's description: Mailgun drops it, and does not say so. */
export function listMistakes(form: MailForm): string[] {
  const unknown = form.fields
    .map(([name]) => name)
    .filter((name) => !names.has(name) && !options.has(name) && !/^[hv]:[A-Za-z][A-Za-z0-9-]*$/.test(name));
  const headers = form.fields.filter(([name]) => name.startsWith('h:'));
  const folded = headers.filter(([, value]) => /[\r\n]/.test(value)).map(([name]) => `${name} has a line break`);
  const id = getFirst(form, 'h:Message-Id');
  const isIdValid = id === undefined || /^<[^\s<>@]+@[^\s<>@]+>$/.test(id);
  const nameless = form.files.filter(({ name }) => name === '' || name === 'blob').map(() => 'a file has no name');
  return [
    ...unknown.map((name) => `${name} is no field`),
    ...folded,
    ...(isIdValid ? [] : ['h:Message-Id is not well-formed']),
    ...nameless,
  ];
}

/** Builds the email of a form. */
export function toMail(domain: SimDomain, form: MailForm, id: string, at: number): SimMail {
  return {
    ...{ id, domain: domain.name, from: getFirst(form, 'from') ?? '', to: getAll(form, 'to'), at },
    ...{ subject: getFirst(form, 'subject') ?? '', text: getFirst(form, 'text') ?? '', html: getFirst(form, 'html') ?? null },
    headers: Object.fromEntries(
      form.fields.flatMap(([name, value]) => (name.startsWith('h:') ? [[name.slice(2), value] as const] : [])),
    ),
    files: form.files.map(({ name, contentType, data }) => ({ name, contentType, bytes: data.length })),
  };
}

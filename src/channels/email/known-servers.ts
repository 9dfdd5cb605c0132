import type { ConfigSuggestion } from '../suggestions.ts';

/** How the hosts of mailboxes let programs sign in. */
const hints = {
  gmail: 'Gmail asks for an app password, which needs 2-Step Verification.',
  microsoft: 'Microsoft 365 asks for OAuth 2.',
  outlook: 'Outlook.com takes no passwords: use OAuth 2.',
  app_password: 'This host asks for an app password, made in the security settings of the account.',
  password: 'Use the password of the mailbox. Turn on IMAP in its settings first, if it is off.',
} as const;

interface Host {
  title: string;
  domains: readonly string[];
  smtp: string;
  imap: string;
  hint: keyof typeof hints;
  /** Port 587 with STARTTLS instead of 465 with TLS. */
  startsPlain?: boolean;
  /** Name with which its `Authentication-Results` begin, where it adds that header to each email and always in one way; empty: without a name. */
  authServer?: string;
}

/** The largest hosts of mailboxes, with the domains of their addresses. */
const hosts: readonly Host[] = [
  {
    title: 'Gmail or Google Workspace',
    domains: ['gmail.com', 'googlemail.com'],
    smtp: 'smtp.gmail.com',
    imap: 'imap.gmail.com',
    hint: 'gmail',
    authServer: 'mx.google.com',
  },
  {
    title: 'Microsoft 365',
    domains: ['onmicrosoft.com'],
    smtp: 'smtp.office365.com',
    imap: 'outlook.office365.com',
    hint: 'microsoft',
    startsPlain: true,
    authServer: '',
  },
  {
    title: 'Outlook.com or Hotmail',
    domains: ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
    smtp: 'smtp-mail.outlook.com',
    imap: 'outlook.office365.com',
    hint: 'outlook',
    startsPlain: true,
    authServer: '',
  },
  {
    title: 'Yahoo',
    domains: ['yahoo.com', 'ymail.com'],
    smtp: 'smtp.mail.yahoo.com',
    imap: 'imap.mail.yahoo.com',
    hint: 'app_password',
  },
  {
    title: 'iCloud',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    smtp: 'smtp.mail.me.com',
    imap: 'imap.mail.me.com',
    hint: 'app_password',
    startsPlain: true,
  },
  { title: 'AOL', domains: ['aol.com'], smtp: 'smtp.aol.com', imap: 'imap.aol.com', hint: 'app_password' },
  {
    title: 'Zoho',
    domains: ['zoho.com', 'zohomail.com'],
    smtp: 'smtp.zoho.com',
    imap: 'imap.zoho.com',
    hint: 'app_password',
  },
  {
    title: 'Fastmail',
    domains: ['fastmail.com', 'fastmail.fm'],
    smtp: 'smtp.fastmail.com',
    imap: 'imap.fastmail.com',
    hint: 'app_password',
  },
  {
    title: 'GMX (gmx.com)',
    domains: ['gmx.com', 'gmx.us'],
    smtp: 'mail.gmx.com',
    imap: 'imap.gmx.com',
    hint: 'password',
    startsPlain: true,
  },
  {
    title: 'GMX (gmx.net, gmx.de)',
    domains: ['gmx.net', 'gmx.de', 'gmx.at', 'gmx.ch'],
    smtp: 'mail.gmx.net',
    imap: 'imap.gmx.net',
    hint: 'password',
    startsPlain: true,
  },
];

/**
 * Finds the name of the server that checks the senders of a mailbox's emails.
 *
 * @returns empty for a server that writes none; undefined for an unknown one, of which a sender could write any name
 */
export function findAuthServer({
  authServer,
  imap,
}: {
  authServer?: string | undefined;
  imap?: { host: string } | undefined;
}): string | undefined {
  return authServer || hosts.find((host) => host.imap === imap?.host.toLowerCase())?.authServer;
}

/** Servers of the largest hosts of mailboxes, for the form. */
export const knownServers: readonly ConfigSuggestion[] = hosts.map(({ title, domains, smtp, imap, hint, startsPlain }) => ({
  title,
  endings: domains.flatMap((domain) => [`@${domain}`, `.${domain}`]),
  values: {
    'smtp.host': smtp,
    'smtp.port': startsPlain ? '587' : '465',
    'smtp.security': startsPlain ? 'starttls' : 'tls',
    'imap.host': imap,
    'imap.port': '993',
    'imap.security': 'tls',
  },
  hint: { code: hint, message: hints[hint] },
}));

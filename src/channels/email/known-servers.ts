/** Servers of a large host of mailboxes, to fill a form with. */
export interface KnownServers {
  readonly domains: readonly string[];
  readonly smtp: { readonly host: string; readonly port: number; readonly security: 'tls' | 'starttls' };
  readonly imap: { readonly host: string; readonly port: number; readonly security: 'tls' };
}

const tls = (host: string) => ({ host, port: 465, security: 'tls' }) as const;
const startTls = (host: string) => ({ host, port: 587, security: 'starttls' }) as const;
const imap = (host: string) => ({ host, port: 993, security: 'tls' }) as const;

/** The largest hosts, by the domains of their addresses. */
export const knownServers: readonly KnownServers[] = [
  { domains: ['gmail.com', 'googlemail.com'], smtp: tls('smtp.gmail.com'), imap: imap('imap.gmail.com') },
  {
    domains: ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
    smtp: startTls('smtp-mail.outlook.com'),
    imap: imap('outlook.office365.com'),
  },
  { domains: ['onmicrosoft.com'], smtp: startTls('smtp.office365.com'), imap: imap('outlook.office365.com') },
  { domains: ['yahoo.com', 'ymail.com'], smtp: tls('smtp.mail.yahoo.com'), imap: imap('imap.mail.yahoo.com') },
  { domains: ['icloud.com', 'me.com', 'mac.com'], smtp: startTls('smtp.mail.me.com'), imap: imap('imap.mail.me.com') },
  { domains: ['aol.com'], smtp: tls('smtp.aol.com'), imap: imap('imap.aol.com') },
  { domains: ['zoho.com', 'zohomail.com'], smtp: tls('smtp.zoho.com'), imap: imap('imap.zoho.com') },
  { domains: ['fastmail.com', 'fastmail.fm'], smtp: tls('smtp.fastmail.com'), imap: imap('imap.fastmail.com') },
  { domains: ['gmx.com', 'gmx.us'], smtp: startTls('mail.gmx.com'), imap: imap('imap.gmx.com') },
  { domains: ['gmx.de', 'gmx.net', 'gmx.at'], smtp: startTls('mail.gmx.net'), imap: imap('imap.gmx.net') },
];

/** Finds the servers of an address. @returns null for a domain of its own, whose host is not known */
export function findKnownServers(address: string): KnownServers | null {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  return knownServers.find(({ domains }) => domains.some((one) => domain === one || domain.endsWith(`.${one}`))) ?? null;
}

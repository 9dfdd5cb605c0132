import type { RandomSource } from '../../core/ids.ts';

/** All that the simulated HighLevel knows. Plain data, so that it can be written to a file and read back. */
export interface State {
  companies: Record<string, SimCompany>;
  locations: Record<string, SimLocation>;
  contacts: Record<string, SimContact>;
  messages: Record<string, SimMessage>;
  codes: Record<string, { kind: TokenKind; resourceId: string; companyId: string; isUsed: boolean }>;
  accessTokens: Record<string, AccessToken>;
  refreshTokens: Record<string, RefreshToken>;
}

export type TokenKind = 'Location' | 'Company';

export interface SimLocation {
  id: string;
  companyId: string;
  name: string;
  timezone: string;
  country: string;
  isActive: boolean;
  isInstalled: boolean;
}

export interface SimCompany {
  id: string;
  name: string;
  /** The app comes by itself to locations that are made later. */
  includesFutureLocations: boolean;
  whiteLabelDomain: string | null;
  isInstalled: boolean;
}

export interface SimContact {
  id: string;
  locationId: string;
  conversationId: string;
  name: string | null;
  phone: string | null;
  email: string | null;
  /** Further numbers and email addresses: the check for duplicates knows them, an upsert does not find them. */
  otherAddresses?: string[];
  tags: string[];
  source: string | null;
  dateAdded: string;
}

export type SimStatus = 'pending' | 'delivered' | 'failed' | 'read';

export interface SimMessage {
  id: string;
  locationId: string;
  contactId: string;
  conversationId: string;
  providerKey: string;
  direction: 'inbound' | 'outbound';
  text: string;
  attachments: string[];
  altId: string | null;
  /** Emails: their thread. */
  emailMessageId?: string | null;
  /** Emails: what was said of each recipient. */
  recipients?: Record<string, { status: string; failReason?: string | undefined }>;
  /** Outbound: the altId of the message that it answers. */
  replyToAltId?: string | null;
  /** Emails: to whom, where that is not just the contact. */
  emailTo?: string[];
  status: SimStatus;
  error: { code: string; type: string; message: string } | null;
  /** Every status that was accepted, in order. */
  statuses: SimStatus[];
  /** What was posted to the Delivery URL, to the byte. */
  payload: string | null;
  createdAt: number;
}

export interface AccessToken {
  kind: TokenKind;
  resourceId: string;
  companyId: string;
  scopes: string[];
  expiresAt: number;
}

export interface RefreshToken {
  kind: TokenKind;
  resourceId: string;
  companyId: string;
  expiresAt: number;
  /** When it was spent, and what for: the same answer is given again for 30 seconds. */
  usedAt: number | null;
  successor: string | null;
}

/**
 * Creates the state from what an earlier run kept. Its tables inherit nothing: ids are what others send, and a code `constructor` would be
 * found in a plain object.
 */
export function createState(kept: Partial<State> = {}): State {
  const table = <Row>(rows: Record<string, Row> = {}): Record<string, Row> => Object.assign(Object.create(null), rows);
  return {
    companies: table(kept.companies),
    locations: table(kept.locations),
    contacts: table(kept.contacts),
    messages: table(kept.messages),
    codes: table(kept.codes),
    accessTokens: table(kept.accessTokens),
    refreshTokens: table(kept.refreshTokens),
  };
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An id as HighLevel makes them: 20 letters and digits. */
export function createHighLevelId(random: RandomSource): string {
  return [...random(20)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

export function listContacts(state: State, locationId: string): SimContact[] {
  return Object.values(state.contacts).filter((contact) => contact.locationId === locationId);
}

export function listMessages(state: State, contactId: string): SimMessage[] {
  return Object.values(state.messages).filter((message) => message.contactId === contactId);
}

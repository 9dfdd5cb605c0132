import type { RandomSource } from '../../core/ids.ts';

/** State of the simulated HighLevel. Plain data, so that it can be written to a file and read back. */
export interface State {
  companies: Record<string, SimCompany>;
  locations: Record<string, SimLocation>;
  contacts: Record<string, SimContact>;
  messages: Record<string, SimMessage>;
  codes: Record<string, { kind: TokenKind; resourceId: string; companyId: string; isUsed: boolean }>;
  accessTokens: Record<string, AccessToken>;
  refreshTokens: Record<string, RefreshToken>;
  triggers: Record<string, SimTrigger>;
  /** Executions that have paused their workflows, by their statusId. */
  executions: Record<string, SimExecution>;
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
  /** True where locations that are created later get the app too. */
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
  /** A conversation was created without a message. */
  hasConversation?: boolean;
  /** Further numbers and email addresses: the check for duplicates finds them, an upsert does not. */
  otherAddresses?: string[];
  /** A user's id. */
  assignedTo?: string | null;
  tags: string[];
  source: string | null;
  dateAdded: string;
  /** Blocks every channel. */
  dnd?: boolean;
  /** Do-not-disturb by channel. */
  dndSettings?: Record<string, SimDndSetting>;
}

export interface SimDndSetting {
  status: 'active' | 'inactive' | 'permanent';
  message?: string | undefined;
  code?: string | undefined;
}

/** A charge of a location's wallet. */
export interface SimCharge {
  chargeId: string;
  locationId: string;
  meterId: string;
  eventId: string;
  refunded: boolean;
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
  /** Emails: reported status of each recipient. */
  recipients?: Record<string, { status: string; failReason?: string | undefined }>;
  /** Calls: numbers and status. */
  call?: { to?: string | undefined; from?: string | undefined; status?: string | undefined };
  /** Outbound: the altId of the message that it replies to. */
  replyToAltId?: string | null;
  /** Emails: recipients, where they are not just the contact. */
  emailTo?: string[];
  status: SimStatus;
  error: { code: string; type: string; message: string } | null;
  /** Accepted statuses, in order. */
  statuses: SimStatus[];
  /** Exact body that was posted to the Delivery URL. */
  payload: string | null;
  createdAt: number;
}

/** A trigger of the app in one workflow. */
export interface SimTrigger {
  id: string;
  key: string;
  locationId: string;
  workflowId: string;
  filters: readonly SimFilter[];
  /** The workflow was unpublished: executions are refused, and no event says so. */
  isActive: boolean;
  /** What each execution has brought, oldest first. */
  executions: Record<string, unknown>[];
}

export interface SimFilter {
  field: string;
  value: unknown;
  operator?: string;
}

/** An execution of an action of the app. */
export interface SimExecution {
  key: string;
  data: Record<string, unknown>;
  /** Sent with it; a resume has to repeat them. */
  extras: Record<string, unknown>;
  resumes: { branchId: string | null; variables: Record<string, unknown> }[];
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
  /** Time of its use, and its successor: the same response is returned again for 30 seconds. */
  usedAt: number | null;
  successor: string | null;
}

/**
 * Creates the state from that of an earlier run. Its tables have no prototype: ids come from callers, and a code `constructor` would be
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
    triggers: table(kept.triggers),
    executions: table(kept.executions),
  };
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Creates an id as HighLevel does: 20 letters and digits. */
export function createHighLevelId(random: RandomSource): string {
  return [...random(20)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

export function listContacts(state: State, locationId: string): SimContact[] {
  return Object.values(state.contacts).filter((contact) => contact.locationId === locationId);
}

export function listMessages(state: State, contactId: string): SimMessage[] {
  return Object.values(state.messages).filter((message) => message.contactId === contactId);
}

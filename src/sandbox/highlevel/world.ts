import type { Axios } from 'axios';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { CallLog } from './calls.ts';
import type { Denials } from './denials.ts';
import type { Faults } from './faults.ts';
import type { Signer } from './signer.ts';
import type { SimCharge, State } from './state.ts';

export interface SimProvider {
  key: string;
  id: string;
  kind: 'sms' | 'sms-extra' | 'email' | 'email-extra' | 'call';
}

/** The marketplace app as HighLevel knows it. */
export interface SimApp {
  clientId: string;
  clientSecret: string;
  /** Base URL of the app. */
  baseUrl: string;
  redirectUri: string;
  providers: readonly SimProvider[];
  scopes: readonly string[];
  /** Sent with requests of workflows, as the operator has set it up. */
  workflowSecret?: string;
  /** Returns HighLevel's own address, part of those that it hands out. */
  getApiUrl?: () => string;
  /** Encrypts user contexts. */
  sharedSecret?: string;
}

/** Behaviour of the platform; tests change it while it runs. */
export interface Behaviour {
  /** Age from which a message's status can be set (platform.md 4.1). */
  statusDelayMs: number;
  /** Requests of one location in any 10 seconds; null switches the limits off. */
  burstLimit: number | null;
  dailyLimit: number;
  /** Age from which lists show a message. */
  listDelayMs: number;
  /** Echo of a message that the app posts to its Delivery URL (platform.md 3.4). */
  echo: 'never' | 'before_response' | 'after_response';
  /** Whether the Delivery URL gets an app's own send before the app gets its response. */
  deliveryOrder: 'before_response' | 'after_response';
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** Time in which a used refresh token returns the same response again (platform.md 5.4). */
  refreshReuseSeconds: number;
  /** True where codes are issued without a user (platform.md 5.7). */
  canReconnect: boolean;
  /** Most rows of one page of a company's locations, for any requested limit. */
  maxPageSize: number;
  /** What becomes of channels that an update of do-not-disturb omits; the platform's own way is unknown (platform-2026-11.md 3.1). */
  omittedDnd: 'kept' | 'reset';
  /** Wallets can be charged. */
  hasFunds: boolean;
  /** True where a listing of installed locations includes the others. */
  listsUninstalled: boolean;
}

/** State and services of the simulator's parts. */
export interface SimWorld {
  state: State;
  clock: Clock;
  random: RandomSource;
  http: Axios;
  app: SimApp;
  behaviour: Behaviour;
  calls: CallLog;
  faults: Faults;
  denials: Denials;
  signer: Signer;
  /** Users by their ids: those of whom a context was issued. */
  users: Map<string, { companyId: string; role: string; type: string; userName?: string; activeLocation?: string }>;
  /** HighLevel's own address. */
  apiUrl(): string;
  /** Charges of wallets, the newest last. */
  charges: SimCharge[];
  /** Uploaded files, the newest last. */
  uploads: { name: string; type: string; bytes: number; contactId: string }[];
  /** Called after every change. */
  onChange(): void;
}

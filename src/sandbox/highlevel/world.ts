import type { AxiosInstance } from 'axios';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { CallLog } from './calls.ts';
import type { Denials } from './denials.ts';
import type { Faults } from './faults.ts';
import type { Signer } from './signer.ts';
import type { State } from './state.ts';

export interface SimProvider {
  key: string;
  id: string;
  kind: 'sms' | 'sms-extra' | 'email' | 'email-extra' | 'call';
}

/** The marketplace app as HighLevel knows it. */
export interface SimApp {
  clientId: string;
  clientSecret: string;
  /** Where the app is reached. */
  baseUrl: string;
  redirectUri: string;
  providers: readonly SimProvider[];
  scopes: readonly string[];
  /** Encrypts user contexts. */
  sharedSecret?: string;
}

/** How the platform behaves; tests change it while it runs. */
export interface Behaviour {
  /** How old a message must be before its status can be set (platform.md 4.1). */
  statusDelayMs: number;
  /** Requests of one location in any 10 seconds; null switches the limits off. */
  burstLimit: number | null;
  dailyLimit: number;
  /** How old a message is before lists show it. */
  listDelayMs: number;
  /** Whether a message that the app posts comes back on its Delivery URL, and when (platform.md 3.4). */
  echo: 'never' | 'before_response' | 'after_response';
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** How long a refresh token that was used gives the same answer again (platform.md 5.4). */
  refreshReuseSeconds: number;
  /** Whether codes are given without a user (platform.md 5.7). */
  canReconnect: boolean;
  /** The most rows that one page of a company's locations has, whatever is asked for. */
  maxPageSize: number;
  /** Whether a listing of installed locations shows the others too. */
  listsUninstalled: boolean;
}

/** What every part of the simulator works with. */
export interface SimWorld {
  state: State;
  clock: Clock;
  random: RandomSource;
  http: AxiosInstance;
  app: SimApp;
  behaviour: Behaviour;
  calls: CallLog;
  faults: Faults;
  denials: Denials;
  signer: Signer;
  /** Users by their ids: those of whom a context was handed out. */
  users: Map<string, { companyId: string; role: string; type: string }>;
  /** What was uploaded, the newest last. */
  uploads: { name: string; type: string; bytes: number; contactId: string }[];
  /** Told after every change. */
  onChange(): void;
}

import type { AlertThresholds } from '../alerts/alert.ts';
import type { AlertWebhook } from '../alerts/notifiers/webhook.ts';
import type { Bucket } from '../attachments/s3-store.ts';
import type { Channel } from '../channels/channel.ts';
import type { ConsentClients } from '../channels/email/consent.ts';
import type { Channels } from '../channels/registry.ts';
import type { Phone } from '../channels/sandbox/sandbox.ts';
import type { Clock } from '../core/clock.ts';
import type { RandomSource } from '../core/ids.ts';
import type { Database, DatabaseTarget } from '../database/client.ts';
import type { AppKeys } from '../highlevel/oauth.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Log } from '../runtime/log.ts';
import type { MailOptions } from '../runtime/mail.ts';
import type { Tracing } from '../runtime/tracing.ts';

/** Settings, keys and the outside world that the capabilities are composed from. */
export interface CapabilityOptions {
  database: DatabaseTarget;
  /** Address of a replica of it, which pages read from. */
  replicaUrl?: string | undefined;
  /** Called once when a newer version has migrated the database: this process must stop. */
  onNewerVersion?: ((migration: string) => void) | undefined;
  /** The clock of this machine. */
  clock: Clock;
  readTime?: ((db: Database) => Promise<number>) | undefined;
  random: RandomSource;
  log: Log;
  app: AppKeys;
  appUrl: string;
  apiUrl: string;
  marketplaceUrl: string;
  providers: readonly Provider[];
  encryptionKeys: readonly Buffer[];
  sessionSecrets: string[];
  /** Last part of HighLevel's address at which a paused workflow is resumed. */
  workflowResumePath: string;
  allowPrivateTargets: boolean;
  /** The operator's clients at services whose users sign in on their page. */
  consentClients?: ConsentClients | undefined;
  /** Retains the channels of an uninstalled location, for a later reinstall. */
  keepChannels: boolean;
  alertLimits: AlertThresholds;
  /** Receivers of alert notifications. */
  alertWebhook?: AlertWebhook | undefined;
  alertMail?: MailOptions | undefined;
  attachments: {
    /** Folder of downloads and, without a bucket, of stored files. */
    folder: string;
    bucket?: Bucket | undefined;
    maxBytes: number;
    /** Limit on all stored files of a location. */
    maxBytesPerLocation: number;
    /** Below this much free disk, downloads are deferred. */
    minFreeBytes: number;
    /** Retention of a stored file. */
    days: number;
    /** HighLevel gets a file by a URL of ours, or by an upload. */
    delivery: 'link' | 'upload';
  };
  /** Time for finding out whether a send without a response has reached its vendor; by default ten minutes. */
  confirmTimeoutMs?: number | undefined;
  /** Usage meter by which each message is charged to the location’s wallet; undefined for no charges. */
  walletMeterId?: string | undefined;
  /** Statements that take as long or longer are logged; undefined or 0 for none. */
  slowStatementMs?: number | undefined;
  /** The traces of messages; undefined without a collector. */
  tracing?: Tracing | undefined;
  /** The phone of sandbox mode. */
  phone?: Phone | undefined;
  /** Channels of packages, beside the program's own. */
  packagedChannels?: readonly Channel[] | undefined;
  /** Replaces the program's own channels. */
  channels?: Channels | undefined;
}

import type { AttachmentStore } from '../attachments/store.ts';
import type { Clock } from '../core/clock.ts';
import type { EmbeddedFacts } from '../database/inspect-embedded.ts';
import type { ServerFacts } from '../database/inspect-server.ts';
import type { AppKeys } from '../highlevel/oauth.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';

/** The database of a program, as it can be inspected without changing it. */
export type InspectedDatabase =
  | {
      readonly kind: 'postgres';
      inspect(): Promise<ServerFacts>;
      /** Inspects the address past a pooler, where one is set. */
      readonly inspectDirect: (() => Promise<ServerFacts>) | null;
    }
  | { readonly kind: 'embedded'; inspect(): Promise<EmbeddedFacts> };

/** What the checks of the program look at: settings, and ways to ask what the program depends on. */
export interface Environment {
  readonly clock: Pick<Clock, 'now'>;
  readonly database: InspectedDatabase;
  readonly appUrl: string;
  /** HighLevel and the vendors are simulated. */
  readonly isSandbox: boolean;
  /** Returns whether a program runs on this machine, with these settings. */
  isRunning(): Promise<boolean>;
  readonly app: AppKeys;
  readonly providers: readonly Provider[];
  readonly sharedSecrets: readonly string[];
  readonly webhookKeyCount: number;
  /** HighLevel itself signs with its published key: false where it is not among the keys, null where HighLevel is simulated. */
  readonly hasPublishedKey: boolean | null;
  /** For HighLevel's API; null where it is simulated by a program that does not run. */
  readonly highLevelHttp: HttpClient | null;
  /** For addresses that the operator has set. */
  readonly http: HttpClient;
  /** Returns the time until which a server’s certificate is valid; null where no server shows one. @throws Error where it is not valid */
  readCertificate(url: URL): Promise<Date | null>;
  /** Folder for data, and the least free space on its disk. */
  readonly dataDir: string;
  readonly minFreeBytes: number;
  /** Stores a small file in the bucket, reads it and removes it; null without a bucket. */
  readonly tryBucket: (() => Promise<void>) | null;
  /** Connects and signs in to the mail server of alerts; null without one. */
  readonly verifyMail: (() => Promise<void>) | null;
}

/** Stores, reads and removes a file. @throws AppError `attachment_store_unavailable`, or Error when another content comes back */
export async function tryStore(
  store: AttachmentStore,
  file: { id: string; path: string; bytes: number; sha256: string; content: string },
): Promise<void> {
  const { id, content, ...stored } = file;
  await store.put(id, { ...stored, contentType: 'text/plain' });
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.read(id)) ?? []) chunks.push(chunk as Buffer);
  await store.remove(id);
  if (Buffer.concat(chunks).toString('utf8') !== content) throw new Error('the bucket returns another file than was stored');
}

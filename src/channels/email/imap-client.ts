import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { createDeadline } from '../../core/clock.ts';
import type { EmailContext } from './config.ts';
import { describeConnectionFailure, findFailedSetting, type ServerError, toServerError } from './server-errors.ts';
import { getToken, getUserName, toTokenFailure } from './sign-in.ts';
import type { Refusal } from './smtp-replies.ts';

/** Largest mail that is fetched whole. */
export const maxMailBytes = 32 * 1024 * 1024;

const openTimeoutMs = 25_000;
/** Routers and Gmail drop lines that are silent for long. */
const maxIdleMs = 5 * 60 * 1000;
const socketTimeoutMs = 10 * 60 * 1000;

export type ImapResult = { client: ImapFlow } | { failure: Refusal };

/** Connects to the IMAP server of a connection and signs in. A token that the server refuses is renewed once. */
export async function openImapClient(context: EmailContext, options: Partial<ImapFlowOptions> = {}): Promise<ImapResult> {
  const token = await getToken(context);
  if (token === null) return connect(context, null, options);
  if (token.kind !== 'token') return { failure: toTokenFailure(token) };
  const opened = await connect(context, token.accessToken, options);
  if ('client' in opened || opened.failure.class !== 'account') return opened;
  const renewed = await getToken(context, token.accessToken);
  if (renewed?.kind !== 'token') return { failure: toTokenFailure(renewed) };
  return connect(context, renewed.accessToken, options);
}

/** Makes one try. The error listener stays for good: an error after the end would otherwise end the process. */
async function connect(
  context: EmailContext,
  accessToken: string | null,
  options: Partial<ImapFlowOptions>,
): Promise<ImapResult> {
  const { config } = context.connection;
  const { imap, smtp, caCertificate: ca } = config;
  if (!imap) throw new Error('This connection has no IMAP server.');
  const deadline = createDeadline(context.clock, openTimeoutMs, context.signal);
  const user = getUserName(config, imap);
  const tls = ca === undefined ? {} : { ca };
  let client: ImapFlow | null = null;
  let socket: Socket | null = null;
  const stop = () => {
    socket?.destroy();
    client?.close();
  };
  deadline.signal.addEventListener('abort', stop);
  try {
    const isTls = imap.security === 'tls';
    socket = await context.openSocket({ ...imap, tls: isTls ? tls : undefined }, deadline.signal);
    client = new ImapFlow({
      host: imap.host,
      port: imap.port,
      secure: isTls,
      doSTARTTLS: imap.security === 'starttls',
      auth: accessToken !== null ? { user, accessToken } : { user, pass: imap.password ?? smtp.password ?? '' },
      transport: createTransport(socket),
      tls: { minVersion: 'TLSv1.2', ...tls },
      logger: false,
      clientInfo: { name: 'Patchbay' },
      connectionTimeout: openTimeoutMs,
      greetingTimeout: openTimeoutMs,
      socketTimeout: socketTimeoutMs,
      maxIdleTime: maxIdleMs,
      autoIdleDelay: 1_000,
      maxLiteralSize: maxMailBytes + 1024,
      maxResponseSize: maxMailBytes + 1024 * 1024,
      maxLineLength: 4 * 1024 * 1024,
      maxResponseTokens: 200_000,
      maxLockHoldTime: false,
      ...options,
    });
    client.on('error', () => {});
    await client.connect();
    return { client };
  } catch (error) {
    stop();
    return { failure: toImapFailure(error, imap.host, deadline.timedOut()) };
  } finally {
    deadline.signal.removeEventListener('abort', stop);
    deadline.dispose();
  }
}

/** Gives the library the socket that the guard has opened. */
function createTransport(opened: Socket): NonNullable<ImapFlowOptions['transport']> {
  return {
    connect(_options, onConnect) {
      setImmediate(onConnect);
      return opened;
    },
    upgrade: (socket, { tls, servername }, onSecure) =>
      connectTls({ ...tls, socket: socket as Socket, ...(servername ? { servername } : {}) }, onSecure),
  };
}

/** Response codes (RFC 5530) of a server that is busy: neither a wrong password nor a missing folder. */
const laterCodes = new Set(['UNAVAILABLE', 'LIMIT', 'INUSE', 'SERVERBUG', 'CONTACTADMIN', 'ALERT']);

/** Returns whether an IMAP server has refused a command for the moment only. */
function isTemporary({ code, serverResponseCode = '' }: ServerError): boolean {
  return laterCodes.has(serverResponseCode) || code === 'ETHROTTLE';
}

function toImapFailure(error: unknown, host: string, hasTimedOut: boolean): Refusal {
  const failed = toServerError(error);
  if (failed.authenticationFailed && !isTemporary(failed)) {
    return {
      class: 'account',
      code: 'imap_credentials',
      message: 'The IMAP server does not accept the user name or the password.',
    };
  }
  const reason = hasTimedOut ? 'no response in time' : describeConnectionFailure(error);
  const setting = findFailedSetting(error);
  return { class: 'later', code: 'imap_unreachable', message: `${host} could not be reached: ${reason}.`, setting };
}

/**
 * Opens a folder for reading.
 *
 * @returns false where the mailbox has none of this name that can be opened
 * @throws when the connection breaks, or the server can't open the folder at present
 */
export async function openFolder(client: ImapFlow, folder: string): Promise<boolean> {
  try {
    await client.mailboxOpen(folder, { readOnly: true });
    return true;
  } catch (error) {
    const failed = toServerError(error);
    if (failed.responseStatus !== 'NO' || isTemporary(failed)) throw error;
    return false;
  }
}

/** Signs out, without waiting for a server that does not respond. */
export async function closeImapClient(client: ImapFlow): Promise<void> {
  const timer = AbortSignal.timeout(1_000);
  const ended = new Promise<void>((resolve) => timer.addEventListener('abort', () => resolve()));
  await Promise.race([client.logout().catch(() => {}), ended]);
  client.close();
}

/** Runs work on an IMAP connection of its own. */
export async function withImapClient<Result>(
  context: EmailContext,
  work: (client: ImapFlow) => Promise<Result>,
): Promise<Result | { failure: Refusal }> {
  const opened = await openImapClient(context, { disableAutoIdle: true });
  if ('failure' in opened) return opened;
  const stop = () => opened.client.close();
  context.signal.addEventListener('abort', stop);
  try {
    return await work(opened.client);
  } finally {
    context.signal.removeEventListener('abort', stop);
    await closeImapClient(opened.client);
  }
}

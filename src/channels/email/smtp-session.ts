import type { Socket } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { createDeadline } from '../../core/clock.ts';
import type { EmailContext } from './config.ts';
import { describeConnectionFailure, findFailedSetting, toServerError } from './server-errors.ts';
import { getToken, getUserName, toTokenFailure } from './sign-in.ts';
import { classifyLoginRefusal, classifyRefusal, type Refusal } from './smtp-replies.ts';

/** A signed-in connection to an SMTP server. */
export interface SmtpSession {
  readonly connection: SMTPConnection;
  /** Ends it with QUIT, without waiting. */
  close(): void;
  /** Cuts it. */
  destroy(): void;
}

/** Failure before any mail was offered. `class` is `account` or `later`. */
export interface OpenFailure extends Refusal {
  readonly response?: string | undefined;
}

const openTimeoutMs = 60_000;
/** Longer than each limit of this program, which are on its clock: the library must not end a wait before them. */
const socketTimeoutMs = 15 * 60 * 1000;
const maxResponseBytes = 64 * 1024;

type OpenResult = SmtpSession | { failure: OpenFailure };

/**
 * Connects to the SMTP server of a connection and signs in. A token that the server refuses is renewed once, over a new connection: servers may close
 * one whose sign-in they have refused.
 */
export async function openSmtpSession(context: EmailContext): Promise<OpenResult> {
  const token = await getToken(context);
  if (token === null) return connect(context, null);
  if (token.kind !== 'token') return { failure: toTokenFailure(token) };
  const opened = await connect(context, token.accessToken);
  if (!('failure' in opened) || opened.failure.class !== 'account') return opened;
  const renewed = await getToken(context, token.accessToken);
  if (renewed?.kind !== 'token') return { failure: toTokenFailure(renewed) };
  return connect(context, renewed.accessToken);
}

/** Makes one try. @param accessToken null for a sign-in with a password, or without one */
async function connect(context: EmailContext, accessToken: string | null): Promise<OpenResult> {
  const { smtp, caCertificate: ca } = context.connection.config;
  const deadline = createDeadline(context.clock, openTimeoutMs, context.signal);
  const tls = ca === undefined ? {} : { ca };
  let session: SmtpSession | null = null;
  try {
    const isTls = smtp.security === 'tls';
    const socket = await context.openSocket({ ...smtp, tls: isTls ? tls : undefined }, deadline.signal);
    session = createSession(
      socket,
      new SMTPConnection({
        // The library completes the ids of Amazon SES by this name.
        host: smtp.host,
        port: smtp.port,
        connection: socket,
        secure: isTls,
        secured: isTls,
        requireTLS: smtp.security === 'starttls',
        ignoreTLS: smtp.security === 'none',
        tls: { minVersion: 'TLSv1.2', ...tls },
        name: toClientName(context.connection.webhookUrl),
        connectionTimeout: openTimeoutMs,
        greetingTimeout: openTimeoutMs,
        socketTimeout: socketTimeoutMs,
        maxResponseSize: maxResponseBytes,
      }),
    );
    const { connection } = session;
    await runStep(connection, deadline.signal, (done) => connection.connect(done));
    const failure = await signIn(context, session, accessToken, deadline.signal);
    if (!failure) return session;
    session.destroy();
    return { failure };
  } catch (error) {
    session?.destroy();
    return { failure: toOpenFailure(error, smtp.host, deadline.timedOut()) };
  } finally {
    deadline.dispose();
  }
}

function createSession(socket: Socket, connection: SMTPConnection): SmtpSession {
  // An error without a listener would end the process.
  connection.on('error', () => {});
  return {
    connection,
    close: () => connection.quit(),
    destroy() {
      connection.close();
      socket.destroy();
    },
  };
}

/** Name of this program in EHLO: some servers refuse a name without a dot. */
function toClientName(webhookUrl: string): string {
  const { hostname } = new URL(webhookUrl);
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(hostname) ? hostname : '[127.0.0.1]';
}

type Done<Result> = (error?: Error | null, result?: Result) => void;

/** Runs one command of the library. It rejects also when the connection ends, or the signal aborts. */
export function runStep<Result>(
  connection: SMTPConnection,
  signal: AbortSignal,
  start: (done: Done<Result>) => void,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      connection.off('error', fail);
      connection.off('end', end);
      signal.removeEventListener('abort', stop);
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const end = () => fail(Object.assign(new Error('The server closed the connection.'), { code: 'ECONNECTION' }));
    const stop = () => fail(Object.assign(new Error('stopped'), { code: 'ABORT_ERR' }));
    connection.on('error', fail);
    connection.on('end', end);
    signal.addEventListener('abort', stop);
    if (signal.aborted) return stop();
    start((error, result) => {
      if (error) return fail(error);
      settle();
      resolve(result);
    });
  });
}

async function signIn(
  { connection: { config } }: EmailContext,
  { connection }: SmtpSession,
  accessToken: string | null,
  signal: AbortSignal,
): Promise<OpenFailure | null> {
  const { password } = config.smtp;
  if (accessToken === null && password === undefined) return null;
  const user = getUserName(config);
  const auth = {
    user,
    ...(accessToken === null ? { credentials: { user, pass: password } } : { oauth2: createTokenLogin(user, accessToken) }),
  };
  return runStep(connection, signal, (done) => connection.login(auth as Parameters<SMTPConnection['login']>[0], done)).then(
    () => null,
    (error: unknown) => toLoginFailure(error, connection.lastServerResponse || ''),
  );
}

/**
 * Converts a refusal of the sign-in.
 *
 * @param lastReply of the server: the library drops the one to a refused token, and one with which the connection ends
 * @throws the error itself where the connection broke
 */
function toLoginFailure(error: unknown, lastReply: string): OpenFailure {
  const { response = lastReply, responseCode = Number(lastReply.slice(0, 3)) } = toServerError(error);
  if (!(responseCode >= 400)) throw error;
  return { ...classifyLoginRefusal({ response, responseCode }), response };
}

/** Gives the library a token of this program, once: there is one place that renews them, for SMTP and IMAP. */
function createTokenLogin(user: string, accessToken: string) {
  return {
    user,
    getToken: (isRefused: boolean, done: (error: Error | null, token?: string) => void) =>
      isRefused ? done(new Error('The token was refused.')) : done(null, accessToken),
    buildXOAuth2Token: (token: string) => Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64'),
  };
}

function toOpenFailure(error: unknown, host: string, hasTimedOut: boolean): OpenFailure {
  const failed = toServerError(error);
  if (failed.responseCode !== undefined && failed.responseCode >= 400) {
    // A greeting that refuses speaks of this program's address, not of the email.
    const { code, message } = classifyRefusal(failed);
    return { class: 'later', code, message, response: failed.response };
  }
  const reason = hasTimedOut ? 'no response in time' : describeConnectionFailure(error);
  const setting = findFailedSetting(error);
  return { class: 'later', code: 'unreachable', message: `${host} could not be reached: ${reason}.`, setting };
}

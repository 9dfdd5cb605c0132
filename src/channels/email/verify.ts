import type { AccessTokenResult, ConfigProblem, VerifyResult } from '../channel.ts';
import { type EmailConfig, type EmailContext, getOwnAddress } from './config.ts';
import { openFolder, withImapClient } from './imap-client.ts';
import { findAuthServer } from './known-servers.ts';
import { getToken } from './sign-in.ts';
import type { Refusal } from './smtp-replies.ts';
import { openSmtpSession, runStep } from './smtp-session.ts';

interface Check {
  readonly problem?: ConfigProblem;
  readonly unavailable?: { code: string; message: string; field?: string };
}

/** Signs in to both servers, sends no mail, and opens the folder. */
export async function verifyConfig(context: EmailContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const token = await getToken(context);
  if (token && token.kind !== 'token') return toTokenResult(config, token);
  const checks = [await checkSmtp(context), ...(config.imap ? [await checkImap(context)] : [])];
  const problems = checks.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) return { kind: 'rejected', problems };
  const unavailable = checks.find((check) => check.unavailable)?.unavailable;
  if (unavailable) return { kind: 'unavailable', ...unavailable };
  return { kind: 'verified', account: getOwnAddress(config), warnings: listWarnings(config) };
}

function listWarnings(config: EmailConfig): string[] {
  const { imap, unverifiedSenders } = config;
  if (!imap) return ['Without IMAP, replies and bounces do not arrive here: sent emails count as delivered.'];
  if (unverifiedSenders !== 'hold' || findAuthServer(config) !== undefined) return [];
  return ['Every email stays in the mailbox: without the name of the server that checks senders, none is proved.'];
}

function toTokenResult(config: EmailConfig, token: Exclude<AccessTokenResult, { kind: 'token' }>): VerifyResult {
  const { kind, code, message } = token;
  switch (kind) {
    case 'consent_required':
      // The pairing reports it; before it there is no more to check.
      return { kind: 'verified', account: getOwnAddress(config) };
    case 'refused':
      return { kind: 'rejected', problems: [{ field: 'oauth', code, message }] };
    case 'unavailable':
      return { kind, code, message };
  }
}

async function checkSmtp(context: EmailContext): Promise<Check> {
  const session = await openSmtpSession(context);
  if ('failure' in session) return toCheck(context, 'smtp', session.failure);
  try {
    // A sender without a mail: servers that need a sign-in say so here.
    await runStep(session.connection, context.signal, (done) => session.connection.reset(done));
    session.close();
    return {};
  } catch {
    session.destroy();
    return { unavailable: { code: 'unreachable', message: 'The SMTP server ended the connection.' } };
  }
}

async function checkImap(context: EmailContext): Promise<Check> {
  const { folder } = context.connection.config.imap ?? { folder: 'INBOX' };
  const result = await withImapClient(context, (client) => openFolder(client, folder)).catch(() => null);
  if (result === true) return {};
  if (result === null) {
    return { unavailable: { code: 'imap_unreachable', message: `The IMAP server could not open the folder ${folder} now.` } };
  }
  if (result !== false) return toCheck(context, 'imap', result.failure);
  return {
    problem: { field: 'imap.folder', code: 'imap_folder', message: `The mailbox has no folder ${folder} that can be opened.` },
  };
}

function toCheck({ connection }: EmailContext, server: 'smtp' | 'imap', failure: Refusal): Check {
  const { code, message, setting } = failure;
  if (failure.class !== 'account') {
    return { unavailable: { code, message, ...(setting === undefined ? {} : { field: `${server}.${setting}` }) } };
  }
  if (connection.config.oauth) return { problem: { field: 'oauth', code, message } };
  return { problem: { field: `${server}.password`, code, message } };
}

import { PrismaSessionStore } from '@quixo3/prisma-session-store';
import type { RequestHandler } from 'express';
import session, { type CookieOptions } from 'express-session';
import type { Database } from '../../database/client.ts';
import type { PendingInstall } from '../../installations/install.ts';

declare module 'express-session' {
  interface SessionData {
    pendingInstalls: PendingInstall[];
  }
}

export interface SessionOptions {
  secrets: string[];
  https: boolean;
}

const hourMs = 60 * 60 * 1000;

/** Browser sessions, kept in the database so that any process can continue one. */
export function sessions(db: Database, options: SessionOptions): RequestHandler {
  return keptSessions(db, options, { name: 'patchbay', path: '/', rolling: false });
}

/** The operator's sessions, by a cookie that no other page gets. They end when nobody has looked at a page for an hour. */
export function operatorSessions(db: Database, options: SessionOptions): RequestHandler {
  return keptSessions(db, options, { name: operatorCookie, path: '/admin', rolling: true });
}

export const operatorCookie = 'patchbay_admin';

function keptSessions(
  db: Database,
  { secrets, https }: SessionOptions,
  { name, path, rolling }: { name: string; rolling: boolean } & Pick<CookieOptions, 'path'>,
): RequestHandler {
  return session({
    name,
    secret: secrets,
    resave: false,
    saveUninitialized: false,
    rolling,
    cookie: {
      path,
      httpOnly: true,
      // The authorization page sends the browser back by a link, and an alert's mail leads to the operator's pages by one: `strict`
      // would leave the cookie behind.
      sameSite: 'lax',
      secure: https,
      maxAge: hourMs,
    },
    // Expired rows are removed by the upkeep job, not by a timer in each process.
    store: new PrismaSessionStore(db.client, {
      dbRecordIdIsSessionId: true,
      checkPeriod: undefined,
      enableConcurrentTouchInvocationsForSameSessionID: true,
    }),
  });
}

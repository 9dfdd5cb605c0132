import { PrismaSessionStore } from '@quixo3/prisma-session-store';
import type { RequestHandler } from 'express';
import session from 'express-session';
import type { Database } from '../../database/client.ts';
import { toCookieName } from '../cookies.ts';

export interface SessionOptions {
  secrets: string[];
  https: boolean;
}

const hourMs = 60 * 60 * 1000;

/** Names the operator's cookie, which no other page gets. */
export function getOperatorCookie(https: boolean): { name: string; path: string } {
  const path = '/admin';
  return { name: toCookieName('patchbay_admin', { path, https }), path };
}

/**
 * Stores the operator's sessions in the database, so that all processes share them. A session ends an hour after its last request.
 */
export function createOperatorSessions(db: Database, { secrets, https }: SessionOptions): RequestHandler {
  const { name, path } = getOperatorCookie(https);
  return session({
    name,
    secret: secrets,
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: {
      path,
      httpOnly: true,
      // The authorization page and alert mails lead to the operator's pages by a link, for which browsers omit a `strict` cookie.
      sameSite: 'lax',
      secure: https,
      maxAge: hourMs,
    },
    // The cleanup task deletes expired rows, not a timer in each process.
    store: new PrismaSessionStore(db.client, {
      dbRecordIdIsSessionId: true,
      checkPeriod: undefined,
      enableConcurrentTouchInvocationsForSameSessionID: true,
    }),
  });
}

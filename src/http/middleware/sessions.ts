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
 * Keeps the operator's sessions in the database, so that any process can continue one. They end when no page was looked at for an hour.
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

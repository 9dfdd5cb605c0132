import { PrismaSessionStore } from '@quixo3/prisma-session-store';
import type { RequestHandler } from 'express';
import session from 'express-session';
import type { Database } from '../../database/client.ts';
import type { PendingInstall } from '../../installations/install.ts';

declare module 'express-session' {
  interface SessionData {
    pendingInstalls: PendingInstall[];
  }
}

const hourMs = 60 * 60 * 1000;

/** Browser sessions, kept in the database so that any process can continue one. */
export function sessions(db: Database, options: { secrets: string[]; https: boolean }): RequestHandler {
  return session({
    name: 'patchbay',
    secret: options.secrets,
    resave: false,
    saveUninitialized: false,
    cookie: {
      httpOnly: true,
      // The authorization page sends the browser back by a link: `strict` would leave the cookie behind.
      sameSite: 'lax',
      secure: options.https,
      maxAge: hourMs,
    },
    // Expired rows are removed by the upkeep job, not by a timer in each process.
    store: new PrismaSessionStore(db.client, { dbRecordIdIsSessionId: true, checkPeriod: undefined }),
  });
}

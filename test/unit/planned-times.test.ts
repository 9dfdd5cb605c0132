import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { plannedTimes } from '../../src/database/clock-steps.ts';

/** Columns of future times that stay as they are when the database's clock is set back, with the reason. */
const left: Record<string, string> = {
  'api_tokens.expires_at': 'a date that a person chose',
  'contact_links.expires_at': 'days ahead',
  'attachments.expires_at': 'days ahead',
  'sessions.expires_at': 'hours ahead',
  'connections.previous_config_expires_at': 'a day ahead: old secrets stay valid for longer by the step',
  'webhook_endpoints.previous_secret_until': 'as above',
  'installations.access_expires_at': 'HighLevel’s time',
  'connections.session_lease_until': 'watched for change, not compared with the clock',
  'messages.next_attempt_at': 'only shown',
  'messages.sender_slot_at': 'without an index; a message waits for the step at most',
  'periodic_tasks.progress_until': 'a position in the past',
};

/** Columns whose name says that they may hold a future time. */
function listFutureColumns(): string[] {
  const schema = readFileSync(resolve(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');
  return [...schema.matchAll(/model \w+ \{([^}]*)\}/g)].flatMap(([, body = '']) => {
    const table = /@@map\("(\w+)"\)/.exec(body)?.[1];
    return [...body.matchAll(/DateTime.*@map\("(\w+)"\)/g)]
      .map(([, column = '']) => column)
      .filter((column) => /^(.+_)?(due|next|until|expires|slot|tat|reconcile)(_|$)/.test(column))
      .map((column) => `${table}.${column}`);
  });
}

test('every time that something waits for moves with the database’s clock, or is named with the reason why not', () => {
  const planned = plannedTimes.map(([table, column]) => `${table}.${column}`);
  expect([...planned, ...Object.keys(left)].toSorted()).toEqual(listFutureColumns().toSorted());
});

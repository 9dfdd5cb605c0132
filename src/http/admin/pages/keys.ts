import * as z from 'zod';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { SecretBox } from '../../../core/secret-box.ts';
import type { Database } from '../../../database/client.ts';
import { type KeyRing, listKeyAges } from '../../../installations/key-inventory.ts';
import { formatDuration } from '../../pages/framework/durations.ts';
import { definePage } from '../../pages/framework/page.ts';

export interface KeysPageDeps {
  db: Database;
  clock: Clock;
  box: SecretBox;
  keyRings: readonly KeyRing[];
}

/** Older keys are due for rotation. */
const maxKeyAgeMs = 365 * 24 * 60 * 60 * 1000;

/** Creates the page of the keys: their age, the state of a rotation, and the next step. */
export function createKeysPage(deps: KeysPageDeps) {
  return definePage({
    path: 'keys',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/keys',
    nav: { text: 'operator.nav.keys', order: 80 },
    query: z.object({}),

    async show({ text }) {
      const now = dateNow(deps.clock).getTime();
      const keys = await listKeyAges(deps, deps.keyRings);
      return {
        title: text('operator.keys.title'),
        keys: keys.map((key) => ({
          ...key,
          age: formatDuration(text, now - key.firstSeenAt.getTime()),
          isOld: now - key.firstSeenAt.getTime() >= maxKeyAgeMs,
          // A rotation re-encrypts the secrets first, then the old key is removed.
          next: (key.sealedWithOlder ?? 0) > 0 ? 'reencrypt' : key.olderCount > 0 ? 'remove' : null,
        })),
      };
    },

    async version() {
      return JSON.stringify((await listKeyAges(deps, deps.keyRings)).map(({ sealedWithOlder }) => sealedWithOlder));
    },
  });
}

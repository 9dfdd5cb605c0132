import type { StoreDeps } from '../messages/model/message-jobs.ts';
import { applyRetention } from '../messages/privacy/apply-retention.ts';
import { eraseDeletedContact } from '../messages/privacy/erase-deleted-contact.ts';
import { getErasure, listErasures, requestErasure, runErasures } from '../messages/privacy/erasures.ts';
import { exportContact } from '../messages/privacy/export-contact.ts';
import { loadRetention, type RetentionDays, saveRetention } from '../messages/privacy/retention-policy.ts';
import { cancelQueuedTo } from '../messages/recovery/location-lifecycle.ts';
import { updateMessages } from '../messages/settlement/update-messages.ts';
import { bindAll } from './bind.ts';
import type { Runtime } from './runtime.ts';

/** How long messages are kept, and what a contact may ask for. */
export type Privacy = ReturnType<typeof composePrivacy>;

/** Composes retention, erasure and the export of a contact. */
export function composePrivacy(runtime: Runtime, { retention }: { retention: RetentionDays }, store: StoreDeps) {
  const { db } = runtime;
  const canceling = { ...store, ...bindAll(store, { updateMessages }) };
  return {
    /** The operator's settings. */
    retention,
    ...bindAll(db.client, { loadRetention }),
    ...bindAll(db, { listErasures, getErasure, exportContact }),
    ...bindAll(
      { ...runtime, retention, ...bindAll(canceling, { cancelQueuedTo }) },
      { saveRetention, applyRetention, requestErasure, runErasures, eraseDeletedContact },
    ),
  };
}

import type { HighLevel } from '../highlevel/client.ts';
import { createChargedClient } from '../installations/charged-client.ts';
import { deleteContactAddress, findContactByAddress } from '../messages/inbound/contact-addresses.ts';
import type { ReadAddress } from '../messages/model/read-address.ts';
import { recordContactDnd } from '../messages/opt-outs/contact-dnd.ts';
import { createOptOutFinder } from '../messages/opt-outs/find.ts';
import { importOptOuts } from '../messages/opt-outs/import.ts';
import { exportOptOuts, listOptOuts } from '../messages/opt-outs/list.ts';
import { mirrorOptOuts } from '../messages/opt-outs/mirror.ts';
import { type ReconcileDeps, reconcileOptOuts } from '../messages/opt-outs/reconcile.ts';
import { addOptOut, liftOptOut, recordOptOut, recordOptOutWord } from '../messages/opt-outs/record.ts';
import { bindAll } from './bind.ts';
import type { Runtime } from './runtime.ts';

interface OptOutParts extends Pick<Runtime, 'db' | 'clock' | 'newId' | 'log' | 'jitter'> {
  highLevel: HighLevel;
  readAddress: ReadAddress;
  installationOf: ReconcileDeps['installationOf'];
}

/** Composes the ledger of opt-outs and its mirror in HighLevel. */
export function composeOptOuts(parts: OptOutParts) {
  const { db } = parts;
  const mirroring = {
    ...parts,
    highLevel: createChargedClient(parts, 0),
    ...bindAll(db, { findContactByAddress, deleteContactAddress }),
    ...bindAll(parts, { recordContactDnd }),
  };
  return {
    findOptOut: createOptOutFinder(db),
    ...bindAll(db, { listOptOuts, exportOptOuts }),
    ...bindAll(parts, { recordOptOut, recordOptOutWord, addOptOut, liftOptOut, importOptOuts }),
    ...bindAll(mirroring, { mirrorOptOuts, reconcileOptOuts }),
  };
}

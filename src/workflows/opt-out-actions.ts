import type { OptOutCategory } from '../channels/channel.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { ReadAddress } from '../messages/model/read-address.ts';
import { optOutBranches } from './definitions.ts';
import type { ActionRequest } from './read-request.ts';

export interface OptOutActionDeps {
  readAddress: ReadAddress;
  findOptOut(locationId: string, to: string): Promise<OptOutCategory | null>;
  addOptOut(ref: { locationId: string; address: string }, reason: string, actor: 'patchbay'): Promise<unknown>;
  /** @throws AppError `not_found`: it has not opted out */
  liftOptOut(ref: { locationId: string; address: string }, reason: string, actor: 'patchbay'): Promise<void>;
  listAddressesOfContact(locationId: string, contactId: string): Promise<string[]>;
}

const maxAddressChars = 320;
const maxReasonChars = 200;

/** Checks whether an address, or any known address of the contact, has opted out. Calls neither HighLevel nor a vendor. */
export async function checkOptOut(deps: OptOutActionDeps, request: ActionRequest): Promise<object> {
  const { locationId } = request;
  const addresses = await findAddresses(deps, request);
  const found = await Promise.all(
    addresses.map(async (address) => ({ address, category: await deps.findOptOut(locationId, address) })),
  );
  const optOut = found.find(({ category }) => category === 'all') ?? found.find(({ category }) => category !== null);
  // A contact who has opted out of marketing alone still gets other messages.
  const optedOut = optOut?.category === 'all';
  return {
    optedOut,
    category: optOut?.category ?? 'none',
    address: optOut?.address ?? addresses[0] ?? '',
    branchId: optedOut ? optOutBranches.opted_out : optOutBranches.not_opted_out,
  };
}

/** Records that an address has opted out, or lifts its opt-outs; repeating it changes no row. */
export async function setOptOut(deps: OptOutActionDeps, request: ActionRequest): Promise<object> {
  const { locationId, data, workflowId } = request;
  const optedOut = data.find('change')?.trim() !== 'opt_in';
  const reason = (data.find('reason')?.trim() ?? `Set by the workflow ${workflowId ?? ''}`).trim().slice(0, maxReasonChars);
  const addresses = await findAddresses(deps, request);
  if (addresses.length === 0) {
    throw new AppError('request_invalid', 'There is no address to change.', {
      details: ['data.address: is needed; no address of this contact is known'],
    });
  }
  let changed = false;
  for (const address of addresses) {
    if (optedOut === ((await deps.findOptOut(locationId, address)) === 'all')) continue;
    changed = (await change(deps, { locationId, address }, reason, optedOut)) || changed;
  }
  return { optedOut, changed, address: addresses[0] };
}

async function change(
  deps: OptOutActionDeps,
  ref: { locationId: string; address: string },
  reason: string,
  optedOut: boolean,
): Promise<boolean> {
  try {
    await (optedOut ? deps.addOptOut(ref, reason, 'patchbay') : deps.liftOptOut(ref, reason, 'patchbay'));
    return true;
  } catch (error) {
    // A repeat of the request has lifted it meanwhile.
    if (isAppError(error, 'not_found')) return false;
    throw error;
  }
}

/** Returns the address that the step names, else those known of its contact. */
async function findAddresses(deps: OptOutActionDeps, { locationId, contactId, data }: ActionRequest): Promise<string[]> {
  const given = data.find('address')?.trim();
  if (given && given.length <= maxAddressChars) return [(await deps.readAddress(locationId, given)).address];
  return contactId === null ? [] : deps.listAddressesOfContact(locationId, contactId);
}

import type { ConnectionRef } from '../../connections/connection.ts';
import { needsContact } from '../../connections/routing-policy.ts';
import { findCountry } from '../../core/address.ts';
import type { Executor } from '../../database/client.ts';
import { decideSender, type RequestedSender, type RoutingDecision, type RoutingFacts } from './decide-sender.ts';
import { findLastUsed } from './last-used.ts';
import type { RoutingSetup } from './load-setup.ts';

/** Tags and assigned user of a contact; null where HighLevel does not say. */
export type LoadContactFacts = (locationId: string, contactId: string) => Promise<RoutingFacts['contact']>;

export interface DecideForDeps {
  client: Executor;
  loadContactFacts: LoadContactFacts;
}

/** A message that is to be routed; `id` is null in a dry run. */
export interface RoutedMessage extends ConnectionRef {
  readonly id: string | null;
  readonly contactId: string | null;
  readonly to: string | null;
  readonly text: string | null;
  readonly requested: RequestedSender | null;
}

/** Loads what the policy asks for, and no more, and decides. @throws AppError when HighLevel is needed and can't be reached now */
export async function decideFor(deps: DecideForDeps, message: RoutedMessage, setup: RoutingSetup): Promise<RoutingDecision> {
  const { policy, connections } = setup;
  const { locationId, contactId, to, text, requested } = message;
  const [contact, lastUsed] = await Promise.all([
    needsContact(policy) && contactId !== null ? deps.loadContactFacts(locationId, contactId) : null,
    policy.sticky ? findLastUsed(deps.client, { ...message, messageId: message.id }, isKnownSender(setup)) : null,
  ]);
  const country = to === null ? null : findCountry(to);
  const contactKey = contactId ?? to ?? message.id ?? '';
  return decideSender({ policy, connections, contact, lastUsed, requested, message: { to, text, country, contactKey } });
}

/** Knows the senders that have settings or that a rule names. Another address may be one that the vendor does not send from. */
function isKnownSender({ policy, senders }: RoutingSetup): (connectionId: string, address: string) => boolean {
  const named = [...policy.rules, ...policy.spread].flatMap(({ connectionId, sender }) =>
    sender === undefined ? [] : [{ connectionId, address: sender }],
  );
  const known = new Set([...senders, ...named].map(({ connectionId, address }) => `${connectionId}/${address}`));
  return (connectionId, address) => known.has(`${connectionId}/${address}`);
}

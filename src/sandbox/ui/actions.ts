import * as z from 'zod';
import { getVia } from '../carriers/via.ts';
import type { Simulator } from '../highlevel/simulator.ts';
import type { SandboxPhone } from '../phone.ts';
import { getPicture, pictureNames } from '../pictures.ts';
import type { AppClient } from './app-client.ts';
import { findProvider } from './providers.ts';

export interface ActionDeps {
  simulator: Simulator;
  phone: SandboxPhone;
  app: AppClient;
  assetsFolder: string;
}

const text = z.string().trim().max(2_000);
const id = z.string().min(1).max(64);
const providerKey = id.optional();

/** Triggers of the app that a workflow of the sandbox can have. */
export const sandboxTriggers = ['message_delivered', 'message_failed', 'reply_received', 'opted_out', 'channel_held'] as const;

/** Schema of what a person does on the sandbox page. */
export const actionSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('send'), locationId: id, contactId: id, text: text.min(1), providerKey }),
  z.object({ do: z.literal('connect'), locationId: id, providerKey }),
  z
    .object({
      do: z.literal('reply'),
      locationId: id,
      contactId: id,
      text,
      picture: z.enum(pictureNames).optional(),
      providerKey,
    })
    .refine((reply) => reply.text !== '' || reply.picture !== undefined),
  z.object({ do: z.literal('open_phone'), isOpen: z.boolean() }),
  z.object({ do: z.literal('set_phone_mode'), mode: z.enum(['on', 'flight', 'blocked']) }),
  z.object({ do: z.literal('run_action'), locationId: id, contactId: id, text: text.min(1) }),
  z.object({ do: z.literal('add_trigger'), locationId: id, key: z.enum(sandboxTriggers) }),
  z.object({ do: z.literal('set_account_refused'), locationId: id, isRefused: z.boolean(), providerKey }),
  z.object({ do: z.literal('bounce'), id: z.string().min(1).max(500) }),
]);

type Action = z.infer<typeof actionSchema>;

/** Performs an action of the sandbox page. @returns the reason for which it is not possible, or null */
export async function performAction(deps: ActionDeps, action: Action): Promise<string | null> {
  const { simulator, phone, app } = deps;
  const provider = findProvider(simulator, 'providerKey' in action ? action.providerKey : undefined);
  const key = provider?.key ?? '';
  switch (action.do) {
    case 'send':
      return sendMessage(deps, action, key);
    case 'connect':
      if (!(await app.connectPhone(action.locationId, key))) return 'The app could not connect the phone.';
      simulator.world.onChange();
      return null;
    case 'reply':
      return sendReply(deps, action, key, provider?.kind.startsWith('email') === true);
    case 'run_action': {
      const data = { message: action.text, wait_for: 'delivered', limit_minutes: 2 };
      const how = { contactId: action.contactId, isPausing: true };
      const { status } = await simulator.executeAction(action.locationId, 'send_message', data, how);
      simulator.world.onChange();
      return status === 200 ? null : 'The app did not accept the action.';
    }
    case 'add_trigger': {
      const { status } = await simulator.addTrigger(action.locationId, action.key);
      simulator.world.onChange();
      return status === 200 ? null : 'The app did not accept the trigger.';
    }
    case 'bounce':
      return phone.bounce(action.id);
    case 'open_phone':
      phone.setOpen(action.isOpen);
      return null;
    case 'set_phone_mode':
      phone.setMode(action.mode);
      return null;
    case 'set_account_refused': {
      const connection = await app.findConnection(action.locationId, key);
      const carrier = connection && phone.findCarrier(getVia(connection).carrier);
      if (!carrier?.setAccountRefused) return 'This channel has no simulated account.';
      carrier.setAccountRefused(action.isRefused);
      return null;
    }
  }
}

async function sendMessage(
  { simulator }: ActionDeps,
  action: Extract<Action, { do: 'send' }>,
  key: string,
): Promise<string | null> {
  const contact = simulator.state.contacts[action.contactId];
  if (!contact) return 'There is no such contact.';
  const refusal = simulator.findDndRefusal(contact.id, key);
  if (refusal) return refusal;
  const content = { contactId: contact.id, text: action.text, providerKey: key };
  const { httpStatus } = await simulator.sendMessage(action.locationId, content);
  return httpStatus >= 200 && httpStatus < 300 ? null : 'The app did not accept the message. Is it running?';
}

async function sendReply(
  { simulator, phone, app, assetsFolder }: ActionDeps,
  action: Extract<Action, { do: 'reply' }>,
  key: string,
  isEmail: boolean,
): Promise<string | null> {
  const contact = simulator.state.contacts[action.contactId];
  const connection = await app.findConnection(action.locationId, key);
  const address = isEmail ? contact?.email?.toLowerCase() : contact?.phone;
  if (!contact || !connection) return 'Connect a channel first.';
  if (!address) return `The contact has no ${isEmail ? 'email address' : 'number'}.`;
  // A START ends the opt-out that the switch has made, too.
  if (phone.state.mode === 'blocked' && action.text.toUpperCase() === 'START') phone.setMode('on');
  const { carrier, app: shownIn } = getVia(connection);
  const { name } = contact;
  const picture = action.picture && getPicture(assetsFolder, action.picture);
  const content = { number: address, name: name ?? address, text: action.text, picture };
  return phone.sendReply(content, connection, { carrier, app: shownIn });
}

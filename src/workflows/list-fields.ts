import type { Sender, Template } from '../channels/channel.ts';
import type { Connection } from '../connections/connection.ts';
import type { Provider } from '../highlevel/providers.ts';
import { type ActionKey, actions, type Field, type Option } from './definitions.ts';
import type { ActionRequest } from './read-request.ts';

export interface ListFieldsDeps {
  providers: readonly Provider[];
  /** Lists a location's connections. @throws AppError */
  listConnections(locationId: string): Promise<Connection[]>;
  /** Asks the vendor. @throws AppError */
  listSenders(connection: Connection): Promise<readonly Sender[]>;
  listTemplates(connection: Connection): Promise<readonly Template[]>;
  /** Keeps what a vendor has said for some time. */
  cacheVendorList(key: string, compute: () => Promise<readonly Option[]>): Promise<readonly Option[]>;
  /** Resolves with a value, or after a time. */
  within<Value>(value: Promise<Value>, fallback: Value): Promise<Value>;
}

/** A form as HighLevel takes it (platform-2026-11.md 3.2). */
export interface DynamicForm {
  readonly inputs: readonly { readonly section: string; readonly fields: readonly Field[] }[];
}

const defaultSender: Option = { label: 'The channel’s own', value: 'default' };
const noTemplate: Option = { label: 'None', value: 'none' };
const maxOptions = 200;

/**
 * Lists the fields of an action's form that depend on the location: its providers, and senders and templates of the chosen one. A vendor that
 * does not respond in time leaves its list empty, and a text field in its place.
 */
export async function listFields(deps: ListFieldsDeps, action: ActionKey, request: ActionRequest): Promise<DynamicForm> {
  if (!actions[action].hasDynamicFields) return { inputs: [] };
  const keys = new Set(deps.providers.filter(({ kind }) => kind !== 'call').map(({ key }) => key));
  const connections = (await deps.listConnections(request.locationId)).filter(({ providerKey }) => keys.has(providerKey));
  const chosenKey =
    request.data.find('provider')?.trim() ?? (connections.length === 1 ? connections[0]?.providerKey : undefined);
  const chosen = connections.find(({ providerKey }) => providerKey === chosenKey);
  const provider: Field = {
    field: 'provider',
    title: 'Provider',
    fieldType: 'select',
    required: true,
    options: connections.map(({ providerKey, channel }) => ({
      label: `${providerKey} (${channel.title})`,
      value: providerKey,
    })),
    altersDynamicField: true,
  };
  const further = chosen ? await Promise.all([toSenderField(deps, chosen), toTemplateField(deps, chosen)]) : [];
  // A select without options is none.
  if (connections.length === 0) return { inputs: [] };
  return { inputs: [{ section: 'Channel', fields: [provider, ...further.flatMap((field) => field ?? [])] }] };
}

async function toSenderField(deps: ListFieldsDeps, connection: Connection): Promise<Field> {
  const options = await loadOptions(
    deps,
    `senders/${connection.id}`,
    connection.channel.setup?.listSenders !== undefined,
    async () =>
      (await deps.listSenders(connection)).map(({ address, label }) => ({
        label: label && label !== address ? `${label} (${address})` : address,
        value: address,
      })),
  );
  const field = { field: 'sender', title: 'Sender', required: false };
  return options.length === 0
    ? { ...field, fieldType: 'string', helpText: 'Empty: the channel’s own sender.' }
    : { ...field, fieldType: 'select', options: [defaultSender, ...options] };
}

async function toTemplateField(deps: ListFieldsDeps, connection: Connection): Promise<Field | null> {
  const canList = connection.channel.setup?.listTemplates !== undefined;
  const options = await loadOptions(deps, `templates/${connection.id}`, canList, async () =>
    (await deps.listTemplates(connection)).map(({ name, language, parameters }) => ({
      label: `${name} (${language}${parameters.length > 0 ? `, ${parameters.length} values` : ''})`,
      value: `${name}|${language}`,
    })),
  );
  if (!canList) return null;
  const field = { field: 'template', title: 'Template', required: false };
  return options.length === 0
    ? { ...field, fieldType: 'string', helpText: 'Name and language, such as welcome|en_US.' }
    : { ...field, fieldType: 'select', options: [noTemplate, ...options] };
}

async function loadOptions(
  deps: ListFieldsDeps,
  key: string,
  canList: boolean,
  load: () => Promise<readonly Option[]>,
): Promise<readonly Option[]> {
  if (!canList) return [];
  const options = deps.cacheVendorList(key, load).catch(() => []);
  const unique = new Map((await deps.within(options, [])).map((option) => [option.value, option]));
  return [...unique.values()].slice(0, maxOptions);
}

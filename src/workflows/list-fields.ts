import type { Sender, Template } from '../channels/channel.ts';
import type { Connection } from '../connections/connection.ts';
import { formatCount } from '../core/format-count.ts';
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

const ownSender = 'The channel’s own';
const ruledSender = 'By the routing rules';
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
  const byProvider = Map.groupBy(connections, ({ providerKey }) => providerKey);
  const onlyKey = byProvider.size === 1 ? connections[0]?.providerKey : undefined;
  const chosen = byProvider.get(request.data.find('provider')?.trim() ?? onlyKey ?? '') ?? [];
  const provider: Field = {
    field: 'provider',
    title: 'Provider',
    fieldType: 'select',
    required: true,
    options: [...byProvider].map(([value, ofProvider]) => ({ label: `${value} (${listTitles(ofProvider)})`, value })),
    altersDynamicField: true,
  };
  const further = chosen.length > 0 ? await Promise.all([toSenderField(deps, chosen), toTemplateField(deps, chosen)]) : [];
  // A select without options is none.
  if (connections.length === 0) return { inputs: [] };
  return { inputs: [{ section: 'Channel', fields: [provider, ...further.flatMap((field) => field ?? [])] }] };
}

function listTitles(connections: readonly Connection[]): string {
  return [...new Set(connections.map(({ channel }) => channel.title))].join(', ');
}

async function toSenderField(deps: ListFieldsDeps, connections: readonly Connection[]): Promise<Field> {
  const lists = connections.map((connection) =>
    loadOptions(deps, `senders/${connection.id}`, connection.channel.setup?.listSenders !== undefined, async () =>
      (await deps.listSenders(connection)).map(({ address, label }) => ({
        label: label && label !== address ? `${label} (${address})` : address,
        value: address,
      })),
    ),
  );
  const options = mergeOptions(await Promise.all(lists));
  const field = { field: 'sender', title: 'Sender', required: false };
  return options.length === 0
    ? {
        ...field,
        fieldType: 'string',
        helpText: `Empty: ${connections.length > 1 ? 'the routing rules choose' : 'the channel’s own'}.`,
      }
    : {
        ...field,
        fieldType: 'select',
        options: [{ label: connections.length > 1 ? ruledSender : ownSender, value: 'default' }, ...options],
      };
}

async function toTemplateField(deps: ListFieldsDeps, connections: readonly Connection[]): Promise<Field | null> {
  const able = connections.filter(({ channel }) => channel.setup?.listTemplates !== undefined);
  if (able.length === 0) return null;
  const lists = able.map((connection) =>
    loadOptions(deps, `templates/${connection.id}`, true, async () =>
      (await deps.listTemplates(connection)).map(({ name, language, parameters }) => ({
        label: `${name} (${language}${parameters.length > 0 ? `, ${formatCount(parameters.length, 'value')}` : ''})`,
        value: `${name}|${language}`,
      })),
    ),
  );
  const options = mergeOptions(await Promise.all(lists));
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
  return deps.within(options, []);
}

/** Merges the options of several connections: a value that two have is listed once. */
function mergeOptions(lists: readonly (readonly Option[])[]): Option[] {
  const unique = new Map(lists.flat().map((option) => [option.value, option]));
  return [...unique.values()].slice(0, maxOptions);
}

import * as z from 'zod';
import { formatCount } from '../core/format-count.ts';
import type {
  Capabilities,
  Channel,
  ChannelSession,
  ChannelSetup,
  ChannelWebhooks,
  ConfigSuggestion,
  ConfigSuggestions,
} from './channel.ts';
import { deliverySettings } from './delivery-settings.ts';
import { unsubscribePath } from './mail/unsubscribe.ts';
import { findSecretTargets } from './secret-targets.ts';
import type { ChannelTools } from './tools.ts';

/** Lists the problems of all packages in one error. */
export class ChannelPackageError extends Error {
  override readonly name = 'ChannelPackageError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`CHANNEL_PACKAGES has ${formatCount(problems.length, 'problem')}:`);
    this.problems = problems;
  }
}

export interface LoadPackageDeps {
  /** Imports a module by the name of its package, from the program's own folder. */
  importModule(name: string): Promise<unknown>;
  tools: ChannelTools;
}

const isFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', {
  error: 'must be a function',
});
const isText = z.string({ error: 'must be a text' }).min(1);
const isFlag = z.boolean({ error: 'must be true or false' });

/** Shape of a channel, as far as it can be checked before its first use. Unknown members are an error: they are misspelt, or of another version. */
const channelShape = z.strictObject({
  type: z.string().regex(/^[a-z][a-z0-9_]{1,39}$/, { error: 'must be 2 to 40 of a-z, 0-9 and _, the first one a letter' }),
  title: isText,
  configSchema: z
    .custom<z.ZodObject>((value) => value instanceof z.ZodObject, { error: 'must be an object schema of zod 4' })
    .refine((schema) => !(schema instanceof z.ZodObject) || listClashes(schema).length === 0, {
      error: `must not have a field of every connection: ${Object.keys(deliverySettings).join(', ')}`,
    })
    .refine((schema) => !(schema instanceof z.ZodObject) || listUndeclaredSecrets(schema).length === 0, {
      error: 'must say of each secret in `sentTo` which field names the address that it is sent to, or [] for none',
    }),
  capabilities: z.strictObject({
    messageTypes: z.array(z.enum(['sms', 'email'])).min(1),
    addressType: z.enum(['phone', 'email', 'vendor_id']),
    attachments: z.enum(['none', 'urls', 'bytes']),
    receipts: isFlag,
    receiptWithinMs: z.int().positive().optional(),
    quietPeriodMs: z.int().positive().optional(),
    idempotent: isFlag,
    vendorAddresses: isFlag,
    managesOptOuts: isFlag,
  }),
  suggestions: z
    .strictObject({
      field: isText,
      options: z.array(
        z.strictObject({
          title: isText,
          endings: z.array(isText),
          values: z.record(z.string(), z.string()),
          hint: z.strictObject({ code: isText, message: isText }),
        }),
      ),
    })
    .optional(),
  getCapabilities: isFunction.optional(),
  getSmsOptions: isFunction.optional(),
  defaultDelivery: z
    .strictObject({
      ratePerSecond: deliverySettings.ratePerSecond,
      concurrency: deliverySettings.concurrency,
      dailyCap: deliverySettings.dailyCap,
    })
    .optional(),
  setupGuide: z.undefined({ error: 'is for channels of the program: its guide is a file of docs/' }).optional(),
  send: isFunction,
  lookUpSend: isFunction.optional(),
  lookUpReceipt: isFunction.optional(),
  receiptsReadUntil: isFunction.optional(),
  fetchAttachment: isFunction.optional(),
  buildContactLink: isFunction.optional(),
  listUnsubscribeSecrets: z.undefined({ error: 'is for channels of the program' }).optional(),
  setup: z
    .strictObject({
      verify: isFunction,
      registerWebhooks: isFunction.optional(),
      unregisterWebhooks: isFunction.optional(),
      getPairing: isFunction.optional(),
      getSignIn: isFunction.optional(),
      listSenders: isFunction.optional(),
      listTemplates: isFunction.optional(),
    })
    .optional(),
  webhooks: z
    .strictObject({
      paths: z.array(
        isText.refine((path) => path !== unsubscribePath, { error: `must not be ${unsubscribePath}, a page of the program` }),
      ),
      signatureHeader: z
        .string()
        .regex(/^[a-z0-9-]+$/, { error: 'must be in lower case' })
        .optional(),
      maxBodyBytes: z.int().positive().optional(),
      receive: isFunction,
    })
    .optional(),
  session: z.strictObject({ carriesSends: isFlag, open: isFunction, listFindings: isFunction.optional() }).optional(),
});

/** Each of these fails to compile when its interface has a member that the shape lacks. */
channelShape.shape satisfies Record<keyof Channel, z.ZodType>;
const { capabilities, suggestions, setup, webhooks, session } = channelShape.shape;
capabilities.shape satisfies Record<keyof Capabilities, z.ZodType>;
suggestions.unwrap().shape satisfies Record<keyof ConfigSuggestions, z.ZodType>;
suggestions.unwrap().shape.options.element.shape satisfies Record<keyof ConfigSuggestion, z.ZodType>;
setup.unwrap().shape satisfies Record<keyof ChannelSetup<object>, z.ZodType>;
webhooks.unwrap().shape satisfies Record<keyof ChannelWebhooks<object>, z.ZodType>;
session.unwrap().shape satisfies Record<keyof ChannelSession<object>, z.ZodType>;

/**
 * Loads the channels of packages. A package exports, as `default` or as `channel`, a channel or a function that creates one of
 * {@link ChannelTools}.
 *
 * @param takenTypes types of the program's own channels
 * @throws ChannelPackageError with the problems of all packages
 */
export async function loadChannelPackages(
  deps: LoadPackageDeps,
  names: readonly string[],
  takenTypes: readonly string[],
): Promise<Channel[]> {
  const channels: Channel[] = [];
  const owners = new Map(takenTypes.map((type) => [type, 'Patchbay']));
  const problems: string[] = [];
  for (const name of names) {
    const loaded = await loadPackage(deps, name);
    if ('problems' in loaded) {
      problems.push(...loaded.problems);
      continue;
    }
    const { channel } = loaded;
    const owner = owners.get(channel.type);
    if (owner) problems.push(`${name}: the type "${channel.type}" is taken by ${owner}`);
    owners.set(channel.type, name);
    channels.push(channel);
  }
  if (problems.length > 0) throw new ChannelPackageError(problems);
  return channels;
}

async function loadPackage(
  { importModule, tools }: LoadPackageDeps,
  name: string,
): Promise<{ channel: Channel } | { problems: string[] }> {
  try {
    const module = (await importModule(name)) as { default?: unknown; channel?: unknown };
    const exported = module.default ?? module.channel;
    if (exported === undefined) return { problems: [`${name}: exports no channel, neither as default nor as channel`] };
    const channel: unknown = typeof exported === 'function' ? await exported(tools) : exported;
    const result = channelShape.safeParse(channel);
    // The object itself: a parsed copy would lose its prototype, and with it the methods of a class.
    if (result.success) return { channel: channel as Channel };
    return { problems: result.error.issues.map((issue) => `${name}: ${describeIssue(issue)}`) };
  } catch (error) {
    return { problems: [describeFailure(name, error)] };
  }
}

function describeIssue(issue: z.core.$ZodIssue): string {
  return issue.path.length === 0 ? `exports no channel: ${issue.message}` : `${issue.path.join('.')} ${issue.message}`;
}

function describeFailure(name: string, error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' && message?.includes(`'${name}'`);
  return isMissing
    ? `${name}: is not installed in Patchbay’s folder (npm install ${name})`
    : `${name}: could not be loaded: ${message ?? String(error)}`;
}

/** Lists the secrets that do not say where they are sent: a stored one could be kept while that address changes. */
function listUndeclaredSecrets(schema: z.ZodObject): string[] {
  return [...findSecretTargets(schema)].flatMap(([path, targets]) => (targets === null ? path : []));
}

function listClashes(schema: z.ZodObject): string[] {
  return Object.keys(deliverySettings).filter((field) => field in schema.shape);
}

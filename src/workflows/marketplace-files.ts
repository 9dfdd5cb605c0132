import { minimalScopes, workflowScope } from '../highlevel/operations.ts';
import { triggerKinds } from '../outbox/trigger-kinds.ts';
import { type Action, actions, type Field, type Filter, type Trigger, triggers } from './definitions.ts';

/** Where the app is, and how its set-up names it. */
export interface MarketplaceOptions {
  /** APP_URL, without a slash at its end. */
  readonly appUrl: string;
  readonly appId: string;
  readonly versionId: string;
}

/** Address in the files of the repository. */
export const exampleOptions: MarketplaceOptions = {
  appUrl: 'https://patchbay.example.com',
  appId: 'your-app-id',
  versionId: 'your-version-id',
};

/** Events that the app needs besides those of its installs (docs/opt-outs.md). */
const subscribedEvents = ['ContactDndUpdate'];

/** Scopes of an app with workflow actions and triggers. */
export const marketplaceScopes: readonly string[] = [...new Set([...minimalScopes, workflowScope])];

/** HighLevel's command line tool reads the secret from the environment, so that no file holds it. */
const headers = { 'Content-Type': 'application/json', 'x-patchbay-secret': `\${env:PATCHBAY_WORKFLOW_SECRET}` };

/**
 * Builds the files of HighLevel's command line tool for the developer portal (github.com/GoHighLevel/marketplace-cli), by their paths in its
 * workspace: webhooks, actions and triggers. They are made of what serves the requests, so the two agree.
 */
export function buildMarketplaceFiles({ appUrl, appId, versionId }: MarketplaceOptions): Map<string, object> {
  const webhooks = {
    schemaVersion: 1,
    appId,
    versionId,
    webhookUrl: `${appUrl}/webhooks/app`,
    subscribedEvents: subscribedEvents.map((name) => ({ name })),
  };
  const all: Record<string, Action> = actions;
  return new Map<string, object>([
    ['src/webhooks/ghl-webhooks.json', webhooks],
    ...Object.entries(all).map(([key, action]): [string, object] => [
      `src/modules/workflows/actions/${toFileName(key)}`,
      toFile(key, toActionVersion(appUrl, key, action)),
    ]),
    ...triggerKinds.map((key): [string, object] => [
      `src/modules/workflows/triggers/${toFileName(key)}`,
      toFile(key, toTriggerVersion(appUrl, triggers[key])),
    ]),
  ]);
}

/** The file's name is that of the key, with hyphens. */
function toFileName(key: string): string {
  return `${key.replaceAll('_', '-')}.json`;
}

function toFile(key: string, version: object): object {
  return { schemaVersion: 1, key, versions: [{ version: '1.0', status: 'draft', ...version }] };
}

function toActionVersion(appUrl: string, key: string, action: Action): object {
  const dynamic = {
    field: 'DYNAMIC',
    title: 'Channel',
    fieldType: 'DYNAMIC',
    required: false,
    dynamicFieldsConfig: { url: `${appUrl}/workflows/fields/${key}`, headers },
  };
  return {
    info: { name: action.name, description: action.description, summary: action.summary },
    inputs: [...(action.hasDynamicFields ? [dynamic] : []), ...action.fields.map(toInput)],
    customVars: toVariables(action.sample),
    customVarsJson: action.sample,
    executionConfig: {
      type: 'API',
      url: `${appUrl}/workflows/actions/${key}`,
      method: 'POST',
      headers,
      pauseExecution: action.pauses,
    },
    payloadCustomizationType: 'default',
    customizedPayload: {},
    branchesConfig:
      action.branches.length === 0
        ? {}
        : {
            info: {
              sectionTitle: 'Branches',
              allowNewCondition: false,
              isDefaultBranchEditable: false,
              showBranchSection: true,
            },
            predefinedBranches: { branches: action.branches },
          },
  };
}

function toInput(field: Field): object {
  return { ...field, ...(field.fieldType === 'select' ? {} : { allowCustomInputPicker: true }) };
}

function toTriggerVersion(appUrl: string, { name, description, filters, sample }: Trigger): object {
  return {
    info: { name, description },
    customVarsJson: sample,
    filters: filters.map(({ field, title, fieldType, options }: Filter) => ({
      ...{ field, title, required: false, fieldType },
      ...(options ? { options } : {}),
    })),
    customVars: toVariables(sample),
    subscriptionConfig: { url: `${appUrl}/workflows/triggers`, headers },
  };
}

function toVariables(sample: Readonly<Record<string, string | boolean>>): object[] {
  return Object.entries(sample).map(([reference, value]) => ({
    name: toTitle(reference),
    reference,
    fieldType: typeof value === 'boolean' ? 'boolean' : 'string',
  }));
}

/** Converts `reasonCode` to “Reason code”. */
function toTitle(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

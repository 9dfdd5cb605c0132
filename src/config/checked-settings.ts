import { join } from 'node:path';
import type { CheckedSettings } from '../compose/checks.ts';
import { workflowScope } from '../highlevel/operations.ts';
import type { Settings } from './settings.ts';

/** Converts the settings that the check of the program looks at, for the program and for the command that checks it from outside. */
export function toCheckedSettings(settings: Settings) {
  return {
    app: {
      clientId: settings.clientId ?? 'sandbox00000000000000000-patchbay',
      clientSecret: settings.clientSecret ?? 'sandbox',
      redirectUri: `${settings.appUrl}/oauth/callback`,
      scopes: settings.isSandbox ? [...new Set([...settings.scopes, workflowScope])] : settings.scopes,
    },
    appUrl: settings.appUrl,
    apiUrl: settings.apiUrl,
    providers: settings.providers,
    sharedSecrets: settings.sharedSecrets,
    webhookKeys: settings.webhookKeys,
    alertMail: settings.alertMail,
    attachments: { ...settings.attachments, folder: join(settings.dataDir, 'media') },
  } satisfies CheckedSettings;
}

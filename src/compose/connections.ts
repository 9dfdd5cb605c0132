import { createChannels } from '../channels/registry.ts';
import { addConnection, arrangeConnection, tryAddConnection } from '../connections/arrange.ts';
import { createChannelContext } from '../connections/channel-context.ts';
import { checkConfig } from '../connections/check-config.ts';
import { checkDueConnections } from '../connections/check-due.ts';
import { connect, tryConnect } from '../connections/connect.ts';
import { decryptConnection, draftConnection } from '../connections/connection.ts';
import { completeConsent, startConsent } from '../connections/consent.ts';
import {
  createConnectionLoader,
  findChannelType,
  findConnection,
  getConnection,
  listConnections,
  listReceiptLookUps,
  listUsableConnections,
} from '../connections/find.ts';
import { holdConnection, resumeConnection } from '../connections/hold.ts';
import { restoreGroupLimits } from '../connections/limits.ts';
import { freeProviderGroups } from '../connections/own-groups.ts';
import { registerPendingWebhooks, registerWebhooks, setUpDueConnections } from '../connections/register-webhooks.ts';
import { disconnect, purgeDisabledConnections, removeConnections } from '../connections/remove.ts';
import { getRoutingPolicy, setRoutingPolicy } from '../connections/routing-policy.ts';
import { setSenderSettings } from '../connections/sender-settings.ts';
import { getPairing, listFindings, listSenders, listTemplates } from '../connections/vendor-lists.ts';
import { listSilenceWatches, requestChecks } from '../connections/watch-silence.ts';
import { createSocketOpener } from '../runtime/guarded-socket.ts';
import type { Attachments } from './attachments.ts';
import { bindAll } from './bind.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** The channels that locations have connected. */
export type Connections = ReturnType<typeof composeConnections>;

/** Composes the channels and what connects locations to them. */
export function composeConnections(
  runtime: Pick<Runtime, 'db' | 'box' | 'clock' | 'newId' | 'random' | 'jitter' | 'log' | 'targetHttp'>,
  options: Pick<
    CapabilityOptions,
    'allowPrivateTargets' | 'phone' | 'packagedChannels' | 'channels' | 'appUrl' | 'sessionSecrets' | 'consentClients'
  >,
  { fetchFile, saveFile }: Pick<Attachments, 'fetchFile' | 'saveFile'>,
) {
  const { allowPrivateTargets, phone, packagedChannels: packaged, appUrl, sessionSecrets, consentClients } = options;
  const channels = options.channels ?? createChannels({ allowPrivateTargets, phone, packaged, consentClients });
  const decryption = bindAll({ ...runtime, channels, appUrl }, { decryptConnection, draftConnection });
  const openSocket = createSocketOpener({ clock: runtime.clock, allowPrivateTargets });
  const contexts = bindAll({ ...runtime, fetchFile, saveFile, openSocket, sessionSecrets, appUrl }, { createChannelContext });
  const lookups = bindAll({ ...runtime, ...decryption }, { getConnection });
  return {
    channels,
    ...decryption,
    ...contexts,
    ...lookups,
    ...bindAll({ ...runtime, ...lookups, sessionSecrets, appUrl }, { startConsent, completeConsent }),
    loadConnections: createConnectionLoader(runtime.db),
    ...bindAll(
      { ...runtime, ...decryption, ...contexts, channels },
      {
        checkConfig,
        checkDueConnections,
        connect,
        addConnection,
        tryAddConnection,
        arrangeConnection,
        setSenderSettings,
        getRoutingPolicy,
        setRoutingPolicy,
        disconnect,
        findChannelType,
        findConnection,
        listConnections,
        listUsableConnections,
        listReceiptLookUps,
        listSilenceWatches,
        requestChecks,
        holdConnection,
        resumeConnection,
        tryConnect,
        registerPendingWebhooks,
        registerWebhooks,
        setUpDueConnections,
        removeConnections,
        purgeDisabledConnections,
        getPairing,
        listFindings,
        listSenders,
        listTemplates,
        restoreGroupLimits,
        freeProviderGroups,
      },
    ),
  };
}

import { dateNow } from '../core/clock.ts';
import { type AccessTokens, createAccessTokens } from '../installations/access-token.ts';
import { type ActivateDeps, onActivated } from '../installations/activate.ts';
import { createApiToken, findTokenAccess, listApiTokens, revokeApiToken } from '../installations/api-tokens.ts';
import { type AppEventDeps, applyDueEvents, recordAppEvent } from '../installations/app-events.ts';
import { authorizeUserContext, detectReplay } from '../installations/authorize-user-context.ts';
import { completeInstall, consumeState, findCompletedInstall, startInstall } from '../installations/install.ts';
import { createLocationUsersReader } from '../installations/location-users.ts';
import { createPermissionGate } from '../installations/permissions.ts';
import { reconcileInstallation, updateProfile } from '../installations/reconcile-installation.ts';
import { reconcileDueInstallations, reconcileNow } from '../installations/reconciler.ts';
import { renewToken } from '../installations/renew-token.ts';
import { requireCurrentSession, revokeSessions } from '../installations/sessions.ts';
import { createInstallationLoader } from '../installations/store.ts';
import { syncPage } from '../installations/sync-locations.ts';
import { createTokenSources } from '../installations/token-sources.ts';
import { cleanUp, disconnectApp, type UninstallHooks } from '../installations/uninstall.ts';
import { createWebhookObservationRecorder } from '../installations/webhook-observations.ts';
import { bindAll } from './bind.ts';
import type { Connections } from './connections.ts';
import type { HighLevelCapability } from './highlevel.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Actions on a location's messages when its installation changes. */
type LocationHooks = UninstallHooks &
  Pick<ActivateDeps, 'releaseWaiting'> &
  Pick<AppEventDeps, 'recordContactDnd'> & { resumeReports(locationId: string): Promise<void> };

/** Installs, tokens, app events and sessions. */
export type Installations = ReturnType<typeof composeInstallations>;

/** Composes what follows from the app being installed: OAuth, tokens, app events, reconciling, sessions. */
export function composeInstallations(
  runtime: Runtime,
  options: Pick<CapabilityOptions, 'app' | 'marketplaceUrl' | 'sessionSecrets' | 'providers' | 'keepChannels'>,
  { connections, ...others }: HighLevelCapability & LocationHooks & { connections: Pick<Connections, 'removeConnections'> },
) {
  const { app, marketplaceUrl, sessionSecrets, providers, keepChannels } = options;
  const { removeConnections } = connections;
  const ingredients = { ...runtime, ...others, removeConnections, app, marketplaceUrl, sessionSecrets, keepChannels };
  const activation = bindAll(ingredients, { onActivated });
  const tokenSources = createTokenSources(ingredients);
  const renewal = bindAll({ ...ingredients, ...activation, tokenSources }, { renewToken });
  const tokens: AccessTokens = createAccessTokens({ ...runtime, ...renewal });
  const fetchProfile = (locationId: string) => updateProfile(ingredients, locationId, dateNow(runtime.clock));
  const steps = bindAll(ingredients, { syncPage, cleanUp });
  const reconciliation = bindAll({ ...ingredients, ...steps, tokens }, { reconcileInstallation });
  const observations = createWebhookObservationRecorder(runtime);
  return {
    ...activation,
    ...steps,
    ...reconciliation,
    ...renewal,
    updateProfile: fetchProfile,
    tokens,
    permissions: createPermissionGate({ ...runtime, providers, resume: others.resumeReports }),
    ...bindAll(runtime.db, { listApiTokens }),
    loadInstallation: createInstallationLoader(runtime.db),
    listLocationUsers: createLocationUsersReader(ingredients),
    webhookObservations: observations,
    ...bindAll(
      {
        ...ingredients,
        ...activation,
        ...reconciliation,
        tokens,
        updateProfile: fetchProfile,
      },
      {
        startInstall,
        consumeState,
        completeInstall,
        findCompletedInstall,
        recordAppEvent,
        applyDueEvents,
        reconcileDueInstallations,
        reconcileNow,
        disconnectApp,
        authorizeUserContext,
        detectReplay,
        requireCurrentSession,
        revokeSessions,
        createApiToken,
        revokeApiToken,
        findTokenAccess,
      },
    ),
    close: () => observations.stop(),
  };
}

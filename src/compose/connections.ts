import { createChannels } from '../channels/registry.ts';
import { checkConfig } from '../connections/check-config.ts';
import { connect, disconnect } from '../connections/connect.ts';
import { decryptConnection } from '../connections/connection.ts';
import { createConnectionLoader, findConnection, getConnection, listConnections } from '../connections/find.ts';
import { restoreGroupLimits } from '../connections/limits.ts';
import { bindAll } from './bind.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** The channels that locations have connected. */
export type Connections = ReturnType<typeof composeConnections>;

/** Composes the channels and what connects locations to them. */
export function composeConnections(
  runtime: Pick<Runtime, 'db' | 'box' | 'clock' | 'newId'>,
  options: Pick<CapabilityOptions, 'allowPrivateTargets' | 'phone' | 'channels' | 'appUrl'>,
) {
  const { allowPrivateTargets, phone, appUrl } = options;
  const channels = options.channels ?? createChannels({ allowPrivateTargets, phone });
  const decryption = bindAll({ ...runtime, channels, appUrl }, { decryptConnection });
  return {
    channels,
    ...decryption,
    loadConnection: createConnectionLoader(runtime.db),
    ...bindAll(
      { ...runtime, ...decryption, channels },
      { checkConfig, connect, disconnect, findConnection, getConnection, listConnections, restoreGroupLimits },
    ),
  };
}

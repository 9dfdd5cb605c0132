import { createChannels } from '../channels/registry.ts';
import {
  checkConfig,
  connect,
  createConnectionLoader,
  disconnect,
  findConnection,
  getConnection,
  listConnections,
  restoreGroupLimits,
} from '../connections/connect.ts';
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
  return {
    channels,
    loadConnection: createConnectionLoader(runtime.db),
    ...bindAll(
      { ...runtime, channels, appUrl },
      { checkConfig, connect, disconnect, findConnection, getConnection, listConnections, restoreGroupLimits },
    ),
  };
}

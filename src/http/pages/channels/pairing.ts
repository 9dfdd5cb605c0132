import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Pairing } from '../../../channels/channel.ts';
import type { Connection } from '../../../connections/connection.ts';
import { findSignIn } from '../../../connections/oauth-grants.ts';
import { isAppError } from '../../../core/errors.ts';
import { createTimedCache } from '../../../runtime/timed-cache.ts';
import { defineConnectionPages, toTarget } from './connection-pages.ts';
import { type ChannelPageDeps, getProvider, getUsableConnection, toChannelName, toProviderName } from './providers.ts';

/** Interval in which a page that is open asks the vendor; a QR code is valid for some 20 seconds. */
const pairingTtlMs = 3_000;

/** Creates the pages on which a person pairs a device: a QR code or a code, until the vendor reports that it is done. */
export function createPairingPages(deps: ChannelPageDeps) {
  const cache = createTimedCache<Pairing | { status: 'unavailable'; message: string }>(deps.clock, pairingTtlMs);
  const getPairing = (connection: Connection) =>
    cache(`${connection.id}/${connection.updatedAt.getTime()}`, () => askForPairing(deps, connection));

  return defineConnectionPages({
    page: 'pairing',
    view: 'channel-pairing',
    permission: 'write',
    query: z.object({}),

    async show(input) {
      const { providerKey, text } = input;
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, toTarget(input));
      const channel = toChannelName(text, connection.channel);
      const service = findConsentService(connection);
      return {
        title: service ? text('channels.pairing.signIn', { service }) : text('channels.pairing.title', { channel }),
        service,
        providerKey,
        provider: toProviderName(deps, text, provider),
        channel,
        hasSenders: connection.channel.setup?.listSenders !== undefined,
        pairing: toSafePairing(await getPairing(connection)),
      };
    },

    async version(input) {
      const connection = await getUsableConnection(deps, toTarget(input));
      const pairing = JSON.stringify(await getPairing(connection));
      // A hash, as the version is sent each time and a QR code is long.
      return JSON.stringify([connection.status, createHash('sha256').update(pairing).digest('hex').slice(0, 16)]);
    },
  });
}

async function askForPairing({ connections }: ChannelPageDeps, connection: Connection) {
  try {
    return await connections.getPairing(connection);
  } catch (error) {
    if (isAppError(error, 'vendor_unavailable', 'connection_rejected')) {
      return { status: 'unavailable' as const, message: error.message };
    }
    throw error;
  }
}

/** Returns whether a connection is paired, or signed in, on a page of its own. */
export function canPair(connection: Connection): boolean {
  const { setup } = connection.channel;
  return setup?.getPairing !== undefined && (setup.getSignIn === undefined || findConsentService(connection) !== null);
}

/** Finds the service on whose page the owner of a connection's account signs in. */
export function findConsentService(connection: Connection): string | null {
  const signIn = findSignIn(connection);
  return signIn?.consent ? signIn.service : null;
}

/** Leaves out addresses that a browser must not follow: they come from the vendor. */
function toSafePairing(pairing: Pairing | { status: 'unavailable'; message: string }) {
  if (pairing.status !== 'waiting') return pairing;
  const { qrCode, url, ...rest } = pairing;
  return {
    ...rest,
    qrCode: qrCode?.startsWith('data:image/') ? qrCode : undefined,
    url: url && /^https?:$/.test(URL.parse(url)?.protocol ?? '') ? url : undefined,
  };
}

import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { SandboxPhone } from '../phone.ts';
import type { SmscState } from '../vendors/smpp/state.ts';
import { createSmsc, type SimulatedSmsc } from '../vendors/smpp.ts';

/** Connects the contact's phone with a simulated carrier that speaks SMPP. */
export function addSmpp(
  phone: SandboxPhone,
  deps: { clock: Clock; random: RandomSource; state: SmscState | undefined; onChange: () => void },
): SimulatedSmsc {
  const smsc = createSmsc({
    ...deps,
    onMessage: ({ ids, to, text }) =>
      phone.receive({ id: `smpp-${ids[0]}`, number: `+${to}`, text, attachments: [], carrier: 'smpp', app: 'SMS' }),
  });
  const toId = (id: string) => Number(id.slice('smpp-'.length));
  phone.addCarrier('smpp', {
    deliver: ({ id }) => void smsc.deliver(toId(id)),
    // SMS has no reports of reading.
    markRead: () => undefined,
    fail: ({ id }) => void smsc.fail(toId(id)),
    sendReply({ number, text, picture }, { config }) {
      if (config.port !== smsc.state.port) return 'This location uses another carrier than the simulated one.';
      if (picture) return 'SMS over SMPP carries no pictures.';
      const sender = typeof config.sourceAddress === 'string' ? config.sourceAddress : smsc.state.account.sender;
      smsc.receive({ from: number, to: sender, text });
      return null;
    },
    setAccountRefused(isRefused) {
      smsc.state.account.isRefused = isRefused;
      if (isRefused) smsc.unbindAll();
      deps.onChange();
    },
    isAccountRefused: () => smsc.state.account.isRefused,
  });
  return smsc;
}

/** Starts the carrier on the port that connections have stored, or else on the next one that is free. */
export async function listenSmpp(smsc: SimulatedSmsc, preferredPort: number): Promise<void> {
  for (const port of new Set([smsc.state.port ?? preferredPort, preferredPort])) {
    const isListening = await smsc.listen(port).then(
      () => true,
      () => false,
    );
    if (isListening) return;
  }
  await smsc.listen(0);
}

import type { SandboxPhone } from '../phone.ts';
import { getPerson } from '../vendors/whatsapp-cloud/state.ts';
import { createWhatsAppVendor, type WhatsAppVendor, type WhatsAppVendorState } from '../vendors/whatsapp-cloud.ts';
import type { CarrierSetup } from './carrier-setup.ts';

/** Connects the phone with a simulated Meta. */
export function addWhatsAppCloud(
  phone: SandboxPhone,
  deps: CarrierSetup<WhatsAppVendorState> & {
    /** Numbers of the phones. */
    listNumbers: () => readonly string[];
  },
): WhatsAppVendor {
  const { clock } = deps;
  let isAccountRefused = false;
  const meta: WhatsAppVendor = createWhatsAppVendor({
    ...{ clock, random: deps.random, http: deps.http, getUrl: deps.getUrl, state: deps.state },
    onChange: () => {
      openWindows();
      deps.onChange();
    },
    onMessage({ id, waId, text, media, status }) {
      // The window of 24 hours is closed: Meta has refused it by a status.
      if (status === 'failed') return;
      const attachments = media.map((file) => (/^https?:/.test(file) ? file : toMediaPath(file)));
      phone.receive({ id, number: toNumber(waId), text, attachments, carrier: 'whatsapp_cloud', app: 'WhatsApp' });
    },
  });

  /** Lets the phones' owners have written before the number was connected: without a message of theirs Meta takes templates alone. */
  function openWindows(): void {
    if (!meta.state.webhook) return;
    for (const number of deps.listNumbers()) getPerson(meta.state, number).lastInboundAt ??= clock.now();
  }

  function toNumber(waId: string): string {
    const known = deps.listNumbers().find((number) => getPerson(meta.state, number).waId === waId);
    return known ?? `+${waId}`;
  }

  phone.addCarrier('whatsapp_cloud', {
    deliver: ({ id }) => meta.deliver(id),
    markRead: ({ id }) => meta.markRead(id),
    fail: ({ id }) => meta.fail(id, 131026),
    sendReply({ number: from, name, text, picture }, { config }) {
      if (config.baseUrl !== deps.getUrl()) return 'This location uses another Meta than the simulated one.';
      if (!meta.state.webhook) return 'Meta has no webhook address yet. See the channel on the app’s page.';
      const media = picture
        ? { type: 'image' as const, data: picture.read(), contentType: picture.contentType, name: picture.name }
        : undefined;
      meta.receive({ from, name, text, ...(media ? { media } : {}) });
      return null;
    },
    // WhatsApp has a list of those who have stopped marketing messages, and none of other opt-outs.
    setOptedOut(isOptedOut) {
      for (const { waId } of meta.state.people.filter((person) => person.hasStoppedMarketing !== isOptedOut)) {
        meta.setPreference(waId, isOptedOut ? 'stop' : 'resume');
      }
    },
    setAccountRefused(isRefused) {
      isAccountRefused = isRefused;
      meta.setFault(isRefused ? { kind: 'expired_token' } : null);
      deps.onChange();
    },
    isAccountRefused: () => isAccountRefused,
  });
  return meta;
}

/** Path at which the sandbox page loads a file that the app has uploaded to Meta. */
export function toMediaPath(id: string): string {
  return `/desk/media/${id}`;
}

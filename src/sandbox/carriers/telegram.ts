import type { SandboxPhone } from '../phone.ts';
import { createTelegramVendor, type TelegramVendor, type TelegramVendorState } from '../vendors/telegram.ts';
import type { CarrierSetup } from './carrier-setup.ts';
import { toMediaPath } from './whatsapp-cloud.ts';

/** Connects the phone with a simulated Telegram. */
export function addTelegram(
  phone: SandboxPhone,
  deps: CarrierSetup<TelegramVendorState> & {
    /** Numbers of the phones. */
    listNumbers: () => readonly string[];
  },
): TelegramVendor {
  const { clock, random, http, state, onChange } = deps;
  let isAccountRefused = false;
  const telegram: TelegramVendor = createTelegramVendor({
    ...{ clock, random, http, state, onChange },
    onMessage({ id, text, fileId, asksForPhone }, person) {
      const attachments = fileId ? [toMediaPath(fileId)] : [];
      const number = `+${person.phone}`;
      phone.receive({ id: `telegram-${id}`, number, text, attachments, carrier: 'telegram', app: 'Telegram' });
      // The person presses the button.
      if (asksForPhone) telegram.shareContact(number);
    },
  });

  phone.addCarrier('telegram', {
    // Telegram reports neither.
    deliver: () => undefined,
    markRead: () => undefined,
    fail: () => undefined,
    sendReply({ number: from, name, text, picture }, { config }) {
      if (config.baseUrl !== deps.getUrl()) return 'This location uses another Telegram than the simulated one.';
      if (!telegram.state.webhook) return 'Telegram has no webhook address yet. See the channel on the app’s page.';
      telegram.getPerson(from).firstName = name;
      const payload = findPayload(text);
      if (payload !== undefined) telegram.start(from, payload);
      else {
        startChat(from);
        const file = picture && { kind: 'photo' as const, data: picture.read(), contentType: picture.contentType };
        telegram.receive({ from, ...(text === '' ? {} : { text }), ...(file ? { file } : {}) });
      }
      return null;
    },
    setOptedOut(isOptedOut) {
      for (const number of deps.listNumbers().filter((one) => telegram.getPerson(one).hasStarted)) {
        if (isOptedOut) telegram.block(number);
        else telegram.unblock(number);
      }
    },
    setAccountRefused(isRefused) {
      isAccountRefused = isRefused;
      telegram.setFault(isRefused ? { kind: 'revoked_token' } : null);
      onChange();
    },
    isAccountRefused: () => isAccountRefused,
  });

  /** Starts a chat in the way of a person who finds the bot without a link, and shares the number. */
  function startChat(from: string): void {
    if (telegram.getPerson(from).hasStarted) return;
    telegram.start(from);
    telegram.shareContact(from);
  }
  return telegram;
}

/** Finds the payload of a link to a bot, which the phone's owner has pasted. */
function findPayload(text: string): string | undefined {
  return /https:\/\/t\.me\/\w+\?start=([\w-]{1,64})/.exec(text)?.[1];
}

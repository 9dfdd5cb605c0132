import type { Clock } from '../core/clock.ts';
import type { RandomSource } from '../core/ids.ts';
import type { Picture } from './pictures.ts';

/** State of a contact's phone. Plain data that survives a restart. */
export interface PhoneState {
  texts: PhoneText[];
  mode: PhoneMode;
  isOpen: boolean;
}

/** `flight`: the phone is unreachable. `blocked`: its owner has opted out. */
export type PhoneMode = 'on' | 'flight' | 'blocked';

/** The app of the phone that shows a message. */
export type PhoneApp = 'SMS' | 'WhatsApp' | 'Telegram' | 'Email';

export interface PhoneText {
  /** The carrier's id of the message. */
  id: string;
  /** The phone's own number, or the email address of its owner. */
  number: string;
  isMine: boolean;
  text: string;
  /** Addresses of files, as the sandbox page can load them. */
  attachments: string[];
  at: number;
  isRead: boolean;
  /** Address of the app's webhooks, for messages of the gateway. */
  callbackUrl?: string;
  /** Omitted in the state of older versions: the gateway. */
  carrier?: CarrierKey;
  app?: PhoneApp;
  /** Emails: what reports and replies name. */
  mail?: {
    /** With angle brackets. */
    messageId: string;
    from: string;
    subject: string;
    wantsDeliveryReport?: boolean;
    wantsReadReceipt?: boolean;
    hasBounced?: boolean;
  };
  /** Not delivered yet: the phone is in flight mode, and its app keeps the message. */
  isWaiting?: boolean;
}

export type CarrierKey =
  | 'gateway'
  | 'twilio'
  | 'telnyx'
  | 'android_sms_gateway'
  | 'smpp'
  | 'whatsapp_cloud'
  | 'waha'
  | 'evolution'
  | 'telegram'
  | 'email'
  | 'mailgun'
  | 'resend';

/** A vendor as the phone knows it: it brings messages and takes reports and replies. */
export interface Carrier {
  /** Reports that a message has reached the phone. */
  deliver(text: PhoneText): void;
  /** Reports that its owner has read a message, where the vendor has such reports. */
  markRead(text: PhoneText): void;
  /** Reports that a message could not be delivered. */
  fail(text: PhoneText): void;
  /** Takes a reply to the app. @returns the reason for which it can't, or null */
  sendReply(reply: PhoneReply, connection: AppConnection): string | null;
  /** Enters its owner into the vendor's list of opt-outs, or removes the entry. */
  setOptedOut?(isOptedOut: boolean): void;
  /** Makes the vendor refuse the account, or accept it again. */
  setAccountRefused?(isRefused: boolean): void;
  isAccountRefused?(): boolean;
  /** Its account is paired with a device: refused is logged out. */
  readonly isPaired?: boolean;
}

export interface PhoneReply {
  id: string;
  /** The phone's own number. */
  number: string;
  name: string;
  text: string;
  picture: Picture | undefined;
  at: number;
}

/** A connection as the app's API describes it. */
export interface AppConnection {
  type: string;
  config: Readonly<Record<string, unknown>>;
  callbackUrl: string;
  /** Addresses of the app's webhooks, by event. */
  callbackUrls: Readonly<Record<string, string>>;
}

/** Time between the vendor's acceptance and the delivery, and between the delivery and the reading. */
const deliveryDelayMs = 700;

export type SandboxPhone = ReturnType<typeof createPhone>;

/** Creates the phone of sandbox mode, to which several vendors bring messages. */
export function createPhone(options: {
  clock: Clock;
  random: RandomSource;
  state?: PhoneState | undefined;
  onChange: () => void;
}) {
  const { clock, random, onChange: notifyChange } = options;
  const state: PhoneState = options.state ?? { texts: [], mode: 'on', isOpen: false };
  const carriers = new Map<CarrierKey, Carrier>();
  const getCarrier = ({ carrier = 'gateway' }: Pick<PhoneText, 'carrier'>) => carriers.get(carrier);

  function markRead(text: PhoneText): void {
    if (text.isMine || text.isRead || text.isWaiting) return;
    text.isRead = true;
    getCarrier(text)?.markRead(text);
  }

  function deliver(text: PhoneText): void {
    getCarrier(text)?.deliver(text);
    if (state.isOpen) clock.setTimeout(() => markRead(text), deliveryDelayMs);
    notifyChange();
  }

  return {
    state,
    /** Adds a vendor. */
    addCarrier: (key: CarrierKey, carrier: Carrier) => void carriers.set(key, carrier),
    findCarrier: (key: CarrierKey) => carriers.get(key),
    hasText: (id: string) => state.texts.some((text) => text.id === id),
    listTexts: (number: string) => state.texts.filter((text) => text.number === number && !text.isWaiting),

    /** Receives a message that a vendor has accepted. In flight mode an SMS fails; WhatsApp and Telegram keep their messages. */
    receive(message: Omit<PhoneText, 'isMine' | 'at' | 'isRead' | 'isWaiting'>): void {
      const text: PhoneText = { ...message, isMine: false, at: clock.now(), isRead: false };
      const isReached = state.mode !== 'flight';
      if (!isReached && (text.app ?? 'SMS') === 'SMS') {
        clock.setTimeout(() => getCarrier(text)?.fail(text), deliveryDelayMs);
        return;
      }
      if (!isReached) text.isWaiting = true;
      state.texts.push(text);
      if (isReached) clock.setTimeout(() => deliver(text), deliveryDelayMs);
      notifyChange();
    },
    /** Shows a message of the vendor's own, such as the confirmation of a STOP. */
    showNotice(notice: Pick<PhoneText, 'number' | 'text' | 'app' | 'carrier'>): void {
      const id = `notice-${random(10).toString('hex')}`;
      // The app knows no such message, so that reading it is not reported.
      state.texts.push({ ...notice, id, isMine: false, attachments: [], at: clock.now(), isRead: true });
      notifyChange();
    },
    setMode(mode: PhoneMode) {
      state.mode = mode;
      for (const carrier of carriers.values()) carrier.setOptedOut?.(mode === 'blocked');
      if (mode !== 'flight') {
        for (const text of state.texts.filter(({ isWaiting }) => isWaiting)) {
          text.isWaiting = false;
          clock.setTimeout(() => deliver(text), deliveryDelayMs);
        }
      }
      notifyChange();
    },
    /** Opens the phone, so that its messages are read, or closes it. */
    setOpen(isOpen: boolean) {
      state.isOpen = isOpen;
      if (isOpen) for (const text of state.texts) markRead(text);
      notifyChange();
    },
    /** Makes an email come back to its sender, after it was delivered. @returns the reason for which it can't, or null */
    bounce(id: string): string | null {
      const text = state.texts.find((one) => one.id === id);
      if (!text?.mail || text.isMine) return 'Only a received email can bounce.';
      if (text.mail.hasBounced) return 'This email has bounced already.';
      text.mail.hasBounced = true;
      getCarrier(text)?.fail(text);
      notifyChange();
      return null;
    },
    /** Sends a reply from the phone, through the vendor of a connection. @returns the reason for which it can't, or null */
    sendReply(
      content: Pick<PhoneReply, 'number' | 'name' | 'text' | 'picture'>,
      connection: AppConnection,
      via: { carrier: CarrierKey; app: PhoneApp },
    ): string | null {
      const reply: PhoneReply = { ...content, id: `phone-${random(10).toString('hex')}`, at: clock.now() };
      const { id, number, text, at } = reply;
      const attachments = reply.picture ? [reply.picture.path] : [];
      state.texts.push({ id, number, isMine: true, text, attachments, at, isRead: true, ...via });
      const problem = getCarrier(via)?.sendReply(reply, connection) ?? null;
      if (problem) state.texts = state.texts.filter((one) => one.id !== id);
      notifyChange();
      return problem;
    },
  };
}

import { toId, toList, toObject, toText } from '../../core/foreign.ts';
import { readErrors } from './graph-error.ts';

/** Business number as Meta describes it. */
export interface PhoneNumber {
  readonly id: string | undefined;
  /** As Meta writes it: `+1 555-078-3881`. */
  readonly display: string | undefined;
  readonly verifiedName: string | undefined;
  readonly quality: string | undefined;
  readonly health: 'available' | 'limited' | 'blocked' | undefined;
  /** Reasons for a limited or blocked number, in Meta's words. */
  readonly healthProblems: readonly string[];
  /** Addresses to which webhooks go instead of that of the app, by precedence. */
  readonly overrides: readonly string[];
  readonly ownOverride: string | undefined;
}

const healths = ['available', 'limited', 'blocked'] as const;

/** Reads a business number, from its own response or a list. */
export function readPhoneNumber(value: unknown): PhoneNumber {
  const { id, display_phone_number, verified_name, quality_rating, health_status, webhook_configuration } = toObject(value);
  const { can_send_message, entities } = toObject(health_status);
  const { phone_number, whatsapp_business_account } = toObject(webhook_configuration);
  const [ownOverride, accountOverride] = [toText(phone_number), toText(whatsapp_business_account)];
  return {
    id: toId(id),
    display: toText(display_phone_number),
    verifiedName: toText(verified_name),
    quality: toText(quality_rating)?.toUpperCase(),
    health: healths.find((health) => health === toText(can_send_message)?.toLowerCase()),
    healthProblems: toList(entities)
      .map(toObject)
      .flatMap(({ errors }) => readHealthErrors(errors)),
    overrides: [ownOverride, accountOverride].filter((address) => address !== undefined),
    ownOverride,
  };
}

function readHealthErrors(value: unknown): string[] {
  const described = toList(value)
    .map(toObject)
    .map(({ error_description, possible_solution }) =>
      [toText(error_description), toText(possible_solution)].filter(Boolean).join(' '),
    );
  return [...described, ...readErrors(value).map(({ text }) => text)].filter(Boolean);
}

/** Reads a page of the account's numbers. */
export function readPhoneNumbers(body: unknown): PhoneNumber[] {
  return toList(toObject(body).data)
    .map(readPhoneNumber)
    .filter(({ id }) => id !== undefined);
}

/** Reads whether an app is subscribed to the account's webhooks, and whether one has an address of its own. */
export function readSubscribedApps(body: unknown): { count: number; hasOverride: boolean } {
  const apps = toList(toObject(body).data)
    .map(toObject)
    .filter((app) => Object.keys(app).length > 0);
  return {
    count: apps.length,
    hasOverride: apps.some(({ override_callback_uri }) => toText(override_callback_uri) !== undefined),
  };
}

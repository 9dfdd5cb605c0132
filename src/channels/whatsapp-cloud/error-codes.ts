import type { GraphError } from './graph-error.ts';

/** Treatment of an error. `advice` says what a person can do. */
export type ErrorRule =
  /** About the account or its credentials: holds the connection, fails no message. */
  | { readonly kind: 'account'; readonly advice: string }
  /** Not sent; a retry may help. A time is that of a limit of the number, the account or the app; without one the retry schedule decides. */
  | { readonly kind: 'later'; readonly advice: string; readonly retryAfterMs?: number }
  /** Too many messages to one contact. */
  | { readonly kind: 'pair_limit'; readonly advice: string }
  | { readonly kind: 'window_closed'; readonly advice: string }
  | { readonly kind: 'opted_out'; readonly advice: string }
  | { readonly kind: 'final'; readonly advice: string; readonly isTemplateStale?: true };

const account = (advice: string): ErrorRule => ({ kind: 'account', advice });
const final = (advice: string): ErrorRule => ({ kind: 'final', advice });
const template = (advice: string): ErrorRule => ({ kind: 'final', advice, isTemplateStale: true });
const later = (advice: string, retryAfterMs?: number): ErrorRule => ({
  kind: 'later',
  advice,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

const secondMs = 1_000;
const minuteMs = 60 * secondMs;

const tokenAdvice = 'Create a permanent token of a system user at Meta and enter it in the connection.';
const permissionAdvice =
  'Give the system user of the token the app and the WhatsApp account, with whatsapp_business_messaging and whatsapp_business_management.';
const registerAdvice = 'Register and verify the number for the Cloud API in WhatsApp Manager.';
const parameterAdvice = 'Compare the message’s parameters with the template in WhatsApp Manager.';

/** Every documented code, by its meaning (Meta's error page of 2026-09-11). HTTP statuses are not part of the contract. */
const rules: Readonly<Record<number, ErrorRule>> = {
  // Account and credentials.
  0: account(tokenAdvice),
  190: account(tokenAdvice),
  3: account(permissionAdvice),
  10: account(permissionAdvice),
  131005: account(permissionAdvice),
  33: account('The number was deleted at Meta. Enter the ID of another one.'),
  368: account('Meta restricts the account for a violation of its policies. See Business Support Home.'),
  131031: account('Meta has locked the account. See Business Support Home.'),
  131037: account('The number needs an approved display name.'),
  131042: account('Settle the payment method of the WhatsApp account at Meta.'),
  131044: account('Settle the payment method of the WhatsApp account at Meta.'),
  131045: account(registerAdvice),
  133006: account(registerAdvice),
  133010: account(registerAdvice),
  131048: account('Contacts have blocked or reported the number. Wait until Meta lifts the limit, and send less.'),
  131064: account('Meta limits the account for templates of a wrong category, and lifts the limit itself.'),
  134011: account('Accept the payments terms at Meta.'),
  // Temporary.
  131057: later('Meta maintains the number.', minuteMs),
  2494100: later('Meta maintains the number.', minuteMs),
  4: later('The app’s call limit is reached.', 5 * minuteMs),
  80007: later('The account’s call limit is reached.', 5 * minuteMs),
  130429: later('The number’s throughput limit is reached.', 5 * secondMs),
  2: later('Meta’s service is unavailable.'),
  131016: later('Meta’s service is unavailable.'),
  133004: later('Meta’s service is unavailable.'),
  131000: later('Meta reports an unknown error.'),
  131056: { kind: 'pair_limit', advice: 'Too many messages to this contact in a short time.' },
  // The contact, or the conversation.
  131047: {
    kind: 'window_closed',
    advice: 'The contact’s last message is more than 24 hours old. Send an approved template, or wait for a message.',
  },
  131050: { kind: 'opted_out', advice: 'The contact has stopped marketing messages from this business.' },
  130497: final('This account may not send to the contact’s country.'),
  131063: final('Marketing templates are switched off for this account at Meta.'),
  131049: final('Meta holds back marketing messages to this contact. Do not resend within a day.'),
  130472: final('The contact is in an experiment of Meta’s, without marketing messages.'),
  130403: final('This business has blocked the contact. Unblock the contact in WhatsApp Manager.'),
  131026: final('The contact is not on WhatsApp, or uses an outdated version. Try another channel.'),
  131021: final('Sender and recipient are the same number.'),
  131030: final('A test number sends to the numbers on its list only. Add this one in API Setup, or use a real number.'),
  131051: final('WhatsApp does not support this kind of message.'),
  131052: final('The contact’s file could not be downloaded. Ask for it once more.'),
  131053: final('WhatsApp does not take this file. Check its type and size.'),
  131062: final('This kind of message needs the contact’s telephone number.'),
  137000: final('The contact’s security code has changed.'),
  // Templates and parameters.
  1: final('Meta could not process the request.'),
  100: final('Meta does not accept a parameter of the request.'),
  131008: final('A required parameter is missing.'),
  131009: final('The value of a parameter is not valid.'),
  131059: final('The query for templates is too large.'),
  132000: template(`The template has another number of parameters. ${parameterAdvice}`),
  132001: template('There is no approved template of this name in this language.'),
  132005: template('The template is too long with these parameters. Shorten them.'),
  132007: template('The template violates a policy of Meta’s. Change it in WhatsApp Manager.'),
  132008: template(`A parameter has the wrong form. ${parameterAdvice}`),
  132012: template(`A parameter has the wrong form. ${parameterAdvice}`),
  132015: template('Meta has paused the template for its quality. Use another one, or wait.'),
  132016: template('Meta has disabled the template. Use another one.'),
  132018: template('A parameter has line breaks, tabs or more than four spaces in a row.'),
  132068: template('The template’s flow is blocked.'),
  132069: template('The template’s flow is throttled.'),
  135000: final(`Meta does not know a parameter. ${parameterAdvice}`),
};

/** Codes with a rule. */
export const knownErrorCodes = Object.keys(rules).map(Number);

/** Subcode of a path that the token may not see: not a mistake in the message. */
const unknownObjectSubcode = 33;

/**
 * Finds the treatment of an error.
 *
 * @param status HTTP status of the response; null for an error in a webhook
 * @returns null for an unknown code with a server's status: the message may have been accepted
 */
export function findErrorRule(error: GraphError, status: number | null): ErrorRule | null {
  const { code, subcode, isTransient } = error;
  const isServerError = status !== null && status >= 500;
  if (code === 100 && subcode === unknownObjectSubcode) return account(permissionAdvice);
  if (code === 1 && isServerError) return later('Meta’s service is unavailable.');
  // A status is final: a resend is a person's decision.
  if (code === 131000 && status === null) return final('Meta reports an unknown error. Resend the message.');
  const rule = rules[code];
  if (rule) return rule;
  if (code >= 200 && code <= 299) return account(permissionAdvice);
  if (isTransient) return later('Meta calls the error temporary.');
  return isServerError ? null : final('Meta has refused the message.');
}

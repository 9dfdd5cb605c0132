/** Error of the simulated Graph API. */
export interface VendorError {
  status: number;
  code: number;
  message: string;
  details?: string | undefined;
  subcode?: number | undefined;
}

/** Titles of codes, as far as the simulator uses them. */
const titles: Readonly<Record<number, string>> = {
  4: 'Application request limit reached',
  100: 'Invalid parameter',
  190: 'Error validating access token: Session has expired',
  130429: 'Rate limit hit',
  131000: 'Something went wrong',
  131008: 'Required parameter is missing',
  131009: 'Parameter value is not valid',
  131021: 'Recipient cannot be sender',
  131026: 'Message undeliverable',
  131047: 'Re-engagement message',
  131050: 'User has stopped marketing messages',
  131053: 'Media upload error',
  131056: '(Business Account, Consumer Account) pair rate limit hit',
  132000: 'Number of parameters does not match the expected number of params',
  132001: 'Template name does not exist in the translation',
  132005: 'Translated text too long',
  132018: 'There is an issue with the parameters in the template',
};

/** Creates an error by its code. */
export function createVendorError(code: number, details?: string, status = 400): VendorError {
  return { status, code, message: `(#${code}) ${getErrorTitle(code)}`, details };
}

/** Returns the title of a code. */
function getErrorTitle(code: number): string {
  return titles[code] ?? 'Error';
}

/** Converts an error to Meta's body. */
export function toErrorBody({ code, message, details, subcode }: VendorError) {
  return {
    error: {
      message,
      type: 'OAuthException',
      code,
      ...(subcode === undefined ? {} : { error_subcode: subcode }),
      ...(details === undefined ? {} : { error_data: { messaging_product: 'whatsapp', details } }),
      fbtrace_id: 'Az8or2yhqkZfEZ-_4Qn_Bam',
    },
  };
}

/** Converts an error to the form of statuses. */
export function toStatusError(code: number, details?: string) {
  return {
    code,
    title: getErrorTitle(code),
    message: getErrorTitle(code),
    error_data: { details: details ?? getErrorTitle(code) },
    href: 'https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/',
  };
}

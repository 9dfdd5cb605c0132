import type { Refusal } from './calls.ts';

/** A permission that the platform withholds although the token is good (platform-2026-11.md 2). */
export interface Denial {
  operation: string;
  /** Limits the denial to this location or company. */
  resourceId?: string;
  /** Limits the denial to messages of this provider. */
  providerKey?: string;
  /** Wording of the refusal. */
  as: 'scope' | 'provider' | 'auth_class' | 'unknown';
}

export interface Denials {
  add(denial: Denial): void;
  /** Allows all operations again. */
  clear(): void;
  findResponse(operation: string, resourceId: string, providerKey: string | null): DenialResponse | null;
}

export function createDenials(): Denials {
  let denials: Denial[] = [];
  return {
    add: (denial) => void denials.push(denial),
    clear() {
      denials = [];
    },
    findResponse(operation, resourceId, providerKey) {
      const found = denials.find(
        (denial) =>
          denial.operation === operation &&
          (denial.resourceId ?? resourceId) === resourceId &&
          (denial.providerKey ?? providerKey) === providerKey,
      );
      return found ? denialResponses[found.as]() : null;
    },
  };
}

interface DenialResponse {
  status: number;
  body: object;
  refusal: Refusal;
}

const denialResponses: Record<Denial['as'], () => DenialResponse> = {
  scope: () => createDenialResponse('The token is not authorized for this scope.'),
  auth_class: () => createDenialResponse('This authClass type is not allowed to access this scope'),
  unknown: () => createDenialResponse('Unauthorized'),
  provider: () =>
    createDenialResponse('You do not have access to this conversation provider.', {
      canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS',
    }),
};

function createDenialResponse(message: string, extra: object = {}): DenialResponse {
  return { status: 401, body: { statusCode: 401, message, error: 'Unauthorized', ...extra }, refusal: 'denied' };
}

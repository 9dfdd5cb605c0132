import type { Refusal } from './calls.ts';

/** A permission that the platform withholds although the token is good (platform-2026-11.md 2). */
export interface Denial {
  operation: string;
  /** Only for this location or company. */
  resourceId?: string;
  /** Only for messages of this provider. */
  providerKey?: string;
  /** How it says so. */
  as: 'scope' | 'provider' | 'auth class' | 'unknown';
}

export interface Denials {
  add(denial: Denial): void;
  /** Everything is allowed again. */
  clear(): void;
  answerTo(operation: string, resourceId: string, providerKey: string | null): Refused | null;
}

export function denialList(): Denials {
  let denials: Denial[] = [];
  return {
    add: (denial) => void denials.push(denial),
    clear() {
      denials = [];
    },
    answerTo(operation, resourceId, providerKey) {
      const found = denials.find(
        (denial) =>
          denial.operation === operation &&
          (denial.resourceId ?? resourceId) === resourceId &&
          (denial.providerKey ?? providerKey) === providerKey,
      );
      return found ? answers[found.as]() : null;
    },
  };
}

interface Refused {
  status: number;
  body: object;
  refusal: Refusal;
}

const answers: Record<Denial['as'], () => Refused> = {
  scope: () => refused('The token is not authorized for this scope.'),
  'auth class': () => refused('This authClass type is not allowed to access this scope'),
  unknown: () => refused('Unauthorized'),
  provider: () =>
    refused('You do not have access to this conversation provider.', { canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS' }),
};

function refused(message: string, more: object = {}): Refused {
  return { status: 401, body: { statusCode: 401, message, error: 'Unauthorized', ...more }, refusal: 'denied' };
}

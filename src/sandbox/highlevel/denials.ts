import { type Answer, refuse } from './endpoint.ts';

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
  answerTo(operation: string, resourceId: string, providerKey: string | null): Answer | null;
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

const answers: Record<Denial['as'], () => Answer> = {
  scope: () => refuse(401, 'The token is not authorized for this scope.', 'denied'),
  'auth class': () => refuse(401, 'This authClass type is not allowed to access this scope', 'denied'),
  unknown: () => refuse(401, 'Unauthorized', 'denied'),
  provider() {
    const { body, ...answer } = refuse(401, 'You do not have access to this conversation provider.', 'denied');
    return { ...answer, body: { ...(body as object), canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS' } };
  },
};

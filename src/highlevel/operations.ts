/** What we ask of HighLevel: method, path, Version header (platform.md 5.10) and scope of every call that we make. */
export const operations = {
  updateMessageStatus: {
    method: 'PUT',
    path: '/conversations/messages/{messageId}/status',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  addInboundMessage: {
    method: 'POST',
    path: '/conversations/messages/inbound',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  upsertContact: { method: 'POST', path: '/contacts/upsert', version: '2021-07-28', scope: 'contacts.write' },
  getContact: { method: 'GET', path: '/contacts/{contactId}', version: '2021-07-28', scope: 'contacts.readonly' },
  getLocation: { method: 'GET', path: '/locations/{locationId}', version: '2021-07-28', scope: 'locations.readonly' },
} as const satisfies Record<string, Operation>;

interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  version: string;
  scope: string;
}

export type OperationName = keyof typeof operations;

/**
 * The fewest scopes that do the job: those of the operations, and those that expand an agency's install to its locations
 * (platform.md 5.5). Scopes can be changed only in a draft version of the app, so they are asked for from the first install on.
 */
export const minimalScopes: readonly string[] = [
  ...new Set([...Object.values(operations).map(({ scope }) => scope), 'oauth.readonly', 'oauth.write']),
];

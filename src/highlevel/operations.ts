/** HighLevel's own address. */
export const highLevelApiUrl = 'https://services.leadconnectorhq.com';

/** The scope of an app with workflow actions and triggers, which it requests only where the operator has set them up. */
export const workflowScope = 'workflows.readonly';

/** The scope with which users can be looked up; the app works without it. */
export const usersScope = 'users.readonly';

/** All operations of HighLevel's API that the app uses, each with its method, path, Version header (platform.md 5.10) and scope. */
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
  sendMessage: {
    method: 'POST',
    path: '/conversations/messages',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  addOutboundCall: {
    method: 'POST',
    path: '/conversations/messages/outbound',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  setCallRecordings: {
    method: 'PUT',
    path: '/conversations/messages/{messageId}/attachments',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  searchConversations: {
    method: 'GET',
    path: '/conversations/search',
    version: '2021-04-15',
    scope: 'conversations.readonly',
    isOptional: true,
  },
  createConversation: {
    method: 'POST',
    path: '/conversations/',
    version: '2021-04-15',
    scope: 'conversations.write',
    isOptional: true,
  },
  updateEmailStatus: {
    method: 'PUT',
    path: '/conversations/messages/email/{id}/status',
    version: 'v3',
    scope: 'conversations/message.write',
  },
  uploadFile: {
    method: 'POST',
    path: '/conversations/messages/upload',
    version: '2021-04-15',
    scope: 'conversations/message.write',
  },
  listMessages: {
    method: 'GET',
    path: '/conversations/messages/export',
    version: '2021-04-15',
    scope: 'conversations/message.readonly',
    isOptional: true,
  },
  upsertContact: { method: 'POST', path: '/contacts/upsert', version: '2021-07-28', scope: 'contacts.write' },
  createContact: { method: 'POST', path: '/contacts/', version: '2021-07-28', scope: 'contacts.write' },
  updateContact: { method: 'PUT', path: '/contacts/{contactId}', version: '2021-07-28', scope: 'contacts.write' },
  findDuplicateContact: {
    method: 'GET',
    path: '/contacts/search/duplicate',
    version: '2021-07-28',
    scope: 'contacts.readonly',
  },
  searchContacts: { method: 'POST', path: '/contacts/search', version: '2021-07-28', scope: 'contacts.readonly' },
  getContact: { method: 'GET', path: '/contacts/{contactId}', version: '2021-07-28', scope: 'contacts.readonly' },
  getLocation: {
    method: 'GET',
    path: '/locations/{locationId}',
    version: '2021-07-28',
    scope: 'locations.readonly',
    isHelpful: true,
  },
  hasFunds: {
    method: 'GET',
    path: '/marketplace/billing/charges/has-funds',
    version: '2021-07-28',
    scope: 'charges.readonly',
    isOptional: true,
  },
  listCharges: {
    method: 'GET',
    path: '/marketplace/billing/charges',
    version: '2021-07-28',
    scope: 'charges.readonly',
    isOptional: true,
  },
  createCharge: {
    method: 'POST',
    path: '/marketplace/billing/charges',
    version: '2021-07-28',
    scope: 'charges.write',
    isOptional: true,
  },
  deleteCharge: {
    method: 'DELETE',
    path: '/marketplace/billing/charges/{chargeId}',
    version: '2021-07-28',
    scope: 'charges.write',
    isOptional: true,
  },
  searchUsers: { method: 'GET', path: '/users/search', version: '2021-07-28', scope: usersScope, isOptional: true },
  getUser: { method: 'GET', path: '/users/{userId}', version: '2021-07-28', scope: usersScope, isOptional: true },
  listInstalledLocations: {
    method: 'GET',
    path: '/oauth/installedLocations',
    version: '2021-07-28',
    scope: 'oauth.readonly',
  },
  mintLocationToken: {
    method: 'POST',
    path: '/oauth/locationToken',
    version: '2021-07-28',
    scope: 'oauth.write',
    isForm: true,
  },
  executeTrigger: {
    method: 'POST',
    path: '/workflows-marketplace/triggers/execute/{locationId}/{executeId}',
    version: '2021-07-28',
    scope: workflowScope,
    isOptional: true,
  },
  resumeAction: {
    method: 'POST',
    path: '/workflows-marketplace/actions/{resumePath}',
    version: '2021-07-28',
    scope: workflowScope,
    isOptional: true,
  },
  uninstall: {
    method: 'DELETE',
    path: '/marketplace/app/{appId}/installations',
    version: '2021-07-28',
    scope: 'oauth.write',
  },
} as const satisfies Record<string, Operation>;

export interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  version: string;
  scope: string;
  /** The body is a form, not JSON. */
  isForm?: true;
  /** The app works without it where its scope was not granted, and does not request the scope. */
  isOptional?: true;
  /** The app requests the scope, and works without it where it is refused. */
  isHelpful?: true;
}

export type OperationName = keyof typeof operations;

const allOperations: readonly Operation[] = Object.values(operations);

/** Fewest scopes with which the app works. They can be changed only in a draft version of the app (platform.md 2.1). */
export const minimalScopes = listScopes(allOperations.filter(({ isOptional }) => !isOptional));

/** Minimal and helpful scopes. */
export const allScopes = listScopes(allOperations);

function listScopes(operations: readonly Operation[]): readonly string[] {
  return [...new Set(operations.map(({ scope }) => scope))];
}

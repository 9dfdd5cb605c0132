import { toLocationOwner } from '../../src/highlevel/client.ts';
import { classifyFailure } from '../../src/highlevel/errors.ts';
import type { OperationName } from '../../src/highlevel/operations.ts';
import { createHighLevelResponse as response } from '../support/highlevel-response.ts';

const call = (operation: OperationName) => ({ operation, owner: toLocationOwner('L'), providerKey: 'sms' });

const noAccess = { canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS', message: 'Unauthorized' };
const noScope = { message: 'The token is not authorized for this scope.' };
const wrongToken = { message: 'This authClass type is not allowed to access this scope' };

test.each<[OperationName, number, Record<string, unknown>, string, string | null]>([
  ['updateMessageStatus', 401, noAccess, 'highlevel_forbidden', 'provider:sms'],
  ['addInboundMessage', 401, noAccess, 'highlevel_forbidden', 'provider:sms'],
  ['getContact', 401, noScope, 'highlevel_forbidden', 'scope:contacts.readonly'],
  ['upsertContact', 401, noScope, 'highlevel_forbidden', 'scope:contacts.write'],
  ['listInstalledLocations', 401, noScope, 'highlevel_forbidden', 'scope:oauth.readonly'],
  ['mintLocationToken', 401, wrongToken, 'highlevel_forbidden', 'token:mintLocationToken'],
  ['updateMessageStatus', 401, { message: 'Invalid JWT' }, 'highlevel_token_rejected', null],
  ['updateMessageStatus', 401, { message: 'No message found for the id: x' }, 'highlevel_refused', null],
  [
    'addInboundMessage',
    400,
    { canonicalCode: 'CONVERSATIONS_MSG_CONVERSATION_PROVIDER_MISMATCH' },
    'highlevel_provider_mismatch',
    null,
  ],
  ['addInboundMessage', 400, { message: 'Incorrect conversationProviderId/type' }, 'highlevel_provider_mismatch', null],
  ['updateMessageStatus', 403, { message: 'No conversation provider found for this message' }, 'highlevel_too_early', null],
  ['updateMessageStatus', 403, { message: 'You do not have permission to access this resource' }, 'highlevel_too_early', null],
  [
    'updateMessageStatus',
    403,
    { message: "You don't have access to the conversationProvider with id: x" },
    'highlevel_refused',
    null,
  ],
  ['updateEmailStatus', 404, {}, 'highlevel_too_early', null],
  ['getContact', 500, {}, 'highlevel_failed', null],
  ['getContact', 500, { message: 'Contact not found' }, 'highlevel_refused', null],
  ['listInstalledLocations', 500, {}, 'highlevel_unreachable', null],
  ['getContact', 429, {}, 'highlevel_limit', null],
  ['getContact', 503, { message: 'Location is not active' }, 'location_inactive', null],
  ['upsertContact', 422, { message: ['phone must be a valid phone number'] }, 'highlevel_refused', null],
])('the response to %s with %i %j is classified as %s', (operation, status, body, code, permission) => {
  const failure = classifyFailure(call(operation), response(status, body));
  expect(failure.error.code).toBe(code);
  expect(failure.permission).toBe(permission);
});

test('HighLevel’s own code is kept with the error', () => {
  const { error } = classifyFailure(call('updateMessageStatus'), response(401, noAccess));
  expect(error.details).toEqual(['Unauthorized', 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS']);
});

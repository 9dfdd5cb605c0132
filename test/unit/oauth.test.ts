import { buildAuthorizeUrl, processCodeResponse, processRefreshResponse } from '../../src/highlevel/oauth.ts';
import { createHighLevelResponse as response } from '../support/highlevel-response.ts';

const sentAt = new Date('2026-01-01T09:00:00Z');

/** platform.md 5.3 */
const location = {
  access_token: 'a',
  token_type: 'Bearer',
  expires_in: 86399,
  refresh_token: 'r',
  scope: 'businesses.readonly contacts.write',
  refreshTokenId: '68a4332c2a64bbc7a1888971',
  userType: 'Location',
  companyId: 'GNb7aIv4rQFVb9iwNl5K',
  locationId: 'HjiMUOsCCHCjtxzEf8PR',
  isBulkInstallation: false,
  userId: '57n5nmVqHA1ghBM8UKhU',
};

test('HighLevel’s own examples of token responses are read by their userType', () => {
  expect(processCodeResponse(response(200, location), sentAt)).toMatchObject({
    kind: 'location',
    locationId: 'HjiMUOsCCHCjtxzEf8PR',
    accessExpiresAt: new Date(sentAt.getTime() + 86_399_000),
    scopes: ['businesses.readonly', 'contacts.write'],
  });
  const { locationId: _, ...company } = { ...location, userType: 'Company', isBulkInstallation: true };
  expect(processCodeResponse(response(200, company), sentAt)).toMatchObject({
    kind: 'company',
    isBulk: true,
    locationId: null,
  });
});

test.each([
  [400, { message: 'Invalid grant: refresh token is invalid' }, 'reauth_required'],
  [400, { error: 'invalid_grant', error_description: 'expired' }, 'reauth_required'],
  [400, { message: 'Location is not active' }, 'location_inactive'],
  [401, { error: 'invalid_client', message: 'Invalid client credentials!' }, 'app_not_configured'],
  [400, { message: 'Missing parameter: refresh_token' }, 'app_not_configured'],
  [429, { message: 'Too many requests' }, 'highlevel_unreachable'],
  [500, { message: 'Invalid grant' }, 'highlevel_unreachable'],
  [200, { access_token: 'a' }, 'highlevel_unreachable'],
])('a response %i %j to a refresh means %s', (status, body, code) => {
  expect(() => processRefreshResponse(response(status, body), sentAt)).toThrow(expect.objectContaining({ code }));
});

test.each([
  [400, { message: 'Invalid grant: authorization code is invalid' }, 'install_code_refused'],
  [401, { error: 'invalid_client' }, 'app_not_configured'],
  [503, {}, 'highlevel_unreachable'],
])('a response %i %j to a code means %s', (status, body, code) => {
  expect(() => processCodeResponse(response(status, body), sentAt)).toThrow(expect.objectContaining({ code }));
});

test('the authorization address is version 2, with scopes separated by %20', () => {
  const app = { clientId: 'id', clientSecret: 's', redirectUri: 'https://x.example/oauth/callback', scopes: ['a.b', 'c/d.e'] };
  expect(buildAuthorizeUrl('https://marketplace.gohighlevel.com', app, 'st')).toBe(
    'https://marketplace.gohighlevel.com/v2/oauth/chooselocation?response_type=code' +
      '&redirect_uri=https%3A%2F%2Fx.example%2Foauth%2Fcallback&client_id=id&scope=a.b%20c%2Fd.e&state=st',
  );
});

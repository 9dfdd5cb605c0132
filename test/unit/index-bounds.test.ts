import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const schema = readFileSync(resolve(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');

/**
 * Every indexed column of text, and what bounds it: an index entry takes some 2,700 bytes, and what does not fit one can never be stored.
 */
const bounds: Record<string, string> = {
  'Installation.resourceId': 'an id of HighLevel’s: 128, by its readers',
  'Installation.companyId': 'an id of HighLevel’s: 128, by its readers',
  'Installation.installCodeHash': 'a hash',
  'AppEvent.id': 'webhookId: 128, else a hash',
  'Connection.locationId': 'an installation’s',
  'Connection.providerKey': 'a setting: 64',
  'Message.locationId': 'an id of HighLevel’s: 128',
  'Message.highlevelMessageId': 'an id of HighLevel’s: 128',
  'Message.contactId': 'an id of HighLevel’s: 500, longer ones count as missing',
  'Message.externalId': 'a vendor’s id: 500',
  'Message.inboundKey': 'a connection’s id and a vendor’s id',
  'Receipt.externalId': 'a vendor’s id: 500',
  'Pace.key': 'ids of a location and a provider',
  'Job.key': 'an ordering key: 300, longer ones are hashed',
  'Job.lane': 'ids of a location and a provider',
  'InboundType.providerId': 'a setting: 128',
  'Identity.locationId': 'an installation’s',
  'Identity.address': '320, longer ones are not remembered',
  'Medium.locationId': 'a message’s',
  'Medium.secretHash': 'a hash',
  'Redrive.locationId': 'an installation’s',
  'Session.id': 'ours',
  'Session.sid': 'ours',
  'AuditEntry.locationId': 'an installation’s',
  'AuditEntry.companyId': 'an installation’s',
  'SeenContext.id': 'a hash',
  'Alert.openKey': 'ids of ours and of HighLevel’s',
  'Alert.subject': 'ids of ours and of HighLevel’s',
  'Alert.locationId': 'an installation’s',
  'PermissionProblem.resourceId': 'an installation’s',
  'PermissionProblem.permission': 'a scope, a provider or an operation of ours',
  'Watch.name': 'ours',
  'Guess.kind': 'ours',
  'SessionRevocation.resourceId': 'an installation’s',
  'SpentState.id': 'a hash',
  'WebhookSighting.address': 'an address of ours',
  'UnknownWebhook.hash': 'a hash',
  'ActiveDay.locationId': 'an installation’s',
  'DayCount.locationId': 'an installation’s',
  'Key.purpose': 'ours',
  'Key.fingerprint': 'a hash',
};

test('every indexed text has a bound that fits an index entry', () => {
  const indexed = [...schema.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].flatMap(([, model = '', body = '']) => {
    const texts = new Set([...body.matchAll(/^ {2}(\w+) +String\??(?!.*@db\.Uuid)(?!\[)/gm)].map(([, name]) => name as string));
    const single = [...body.matchAll(/^ {2}(\w+) .*@(?:id|unique)\b/gm)].map(([, name]) => name as string);
    const lists = [...body.matchAll(/@@(?:id|unique|index)\(\[([^\]]*)\]/g)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim().replace(/\(.*$/, '')),
    );
    return [...new Set([...single, ...lists])].filter((name) => texts.has(name)).map((name) => `${model}.${name}`);
  });
  expect(indexed.length).toBeGreaterThan(20);
  expect(indexed.filter((column) => !(column in bounds))).toEqual([]);
});

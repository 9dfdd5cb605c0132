/** Lists settings that others require. Reads the texts as given, so that they are reported together with malformed values. */
export function findMissing(given: ReadonlyMap<string, unknown>): string[] {
  const isProduction = given.get('NODE_ENV') === 'production';
  const role = given.get('ROLE');
  const problems: string[] = [];
  const require = (name: string, reason: string) => {
    if (!given.has(name)) problems.push(`${name} ${reason}`);
  };

  if (isProduction) {
    require('HIGHLEVEL_CLIENT_ID', 'is needed in production: the marketplace app’s client id');
    require('HIGHLEVEL_CLIENT_SECRET', 'is needed in production: the marketplace app’s client secret');
    require('ENCRYPTION_KEYS', 'is needed in production: openssl rand -base64 32');
    require('SESSION_SECRETS', 'is needed in production: openssl rand -base64 32');
    if (String(given.get('ADMIN_TOKEN') ?? 'long enough or none').length < 16) {
      problems.push('ADMIN_TOKEN must have at least 16 characters in production');
    }
  } else if (given.has('HIGHLEVEL_CLIENT_ID') !== given.has('HIGHLEVEL_CLIENT_SECRET')) {
    require('HIGHLEVEL_CLIENT_ID', 'is needed with HIGHLEVEL_CLIENT_SECRET');
    require('HIGHLEVEL_CLIENT_SECRET', 'is needed with HIGHLEVEL_CLIENT_ID');
  }
  for (const names of [
    ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'],
    ['MICROSOFT_CLIENT_ID', 'MICROSOFT_CLIENT_SECRET'],
    ['ALERT_WEBHOOK_URL', 'ALERT_WEBHOOK_SECRET'],
    ['ALERT_EMAIL_TO', 'ALERT_EMAIL_FROM', 'SMTP_URL'],
  ]) {
    const first = names.find((name) => given.has(name));
    if (first) for (const name of names) require(name, `is needed with ${first}`);
  }
  const bucket = [
    'ATTACHMENT_S3_ENDPOINT',
    'ATTACHMENT_S3_BUCKET',
    'ATTACHMENT_S3_ACCESS_KEY_ID',
    'ATTACHMENT_S3_SECRET_ACCESS_KEY',
  ];
  if (bucket.some((name) => given.has(name))) {
    for (const name of bucket) require(name, 'is needed with the other ATTACHMENT_S3 settings, which store files in a bucket');
  }
  if (given.get('BILLING') === 'wallet') require('BILLING_METER_ID', 'is needed with BILLING=wallet');
  else if (given.has('BILLING_METER_ID')) {
    problems.push('BILLING_METER_ID is of BILLING=wallet: a provider’s own meter and charges would bill each message twice');
  }
  if (given.has('DATABASE_REPLICA_URL')) require('DATABASE_URL', 'is needed with DATABASE_REPLICA_URL: the primary’s address');
  if (given.has('DATABASE_DIRECT_URL')) require('DATABASE_URL', 'is needed with DATABASE_DIRECT_URL: the pooler’s address');
  if (role === 'web' || role === 'worker') {
    require('DATABASE_URL', `is needed with ROLE=${role}: the embedded database takes one process`);
  }
  return problems;
}

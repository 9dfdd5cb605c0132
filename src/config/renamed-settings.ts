/** Settings of earlier versions, by their old name, with the name that replaced each. */
export const renamedSettings: Readonly<Record<string, string>> = {
  SENDS_AT_ONCE: 'SEND_CONCURRENCY',
  MEDIA_MAX_MEGABYTES: 'ATTACHMENT_MAX_MEGABYTES',
  MEDIA_MAX_MEGABYTES_PER_LOCATION: 'ATTACHMENT_MAX_MEGABYTES_PER_LOCATION',
  MEDIA_MIN_FREE_MEGABYTES: 'ATTACHMENT_MIN_FREE_MEGABYTES',
  MEDIA_DAYS: 'ATTACHMENT_RETENTION_DAYS',
  MEDIA_DELIVERY: 'ATTACHMENT_DELIVERY',
  MEDIA_S3_ENDPOINT: 'ATTACHMENT_S3_ENDPOINT',
  MEDIA_S3_BUCKET: 'ATTACHMENT_S3_BUCKET',
  MEDIA_S3_REGION: 'ATTACHMENT_S3_REGION',
  MEDIA_S3_ACCESS_KEY_ID: 'ATTACHMENT_S3_ACCESS_KEY_ID',
  MEDIA_S3_SECRET_ACCESS_KEY: 'ATTACHMENT_S3_SECRET_ACCESS_KEY',
  ALERT_BUDGET_REMAINING: 'ALERT_QUOTA_REMAINING',
  ALERT_QUEUE_AGE_SECONDS: 'ALERT_QUEUE_LATENCY_SECONDS',
};

/** Lists a problem for each old name that is set: an ignored one would silently restore the setting's default. */
export function findRenamed(given: ReadonlyMap<string, unknown>): string[] {
  return Object.entries(renamedSettings)
    .filter(([oldName]) => given.has(oldName))
    .map(([oldName, newName]) => `${oldName} is now called ${newName}`);
}

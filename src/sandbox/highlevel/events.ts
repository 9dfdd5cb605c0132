import { postSigned } from './webhooks.ts';
import type { SimWorld } from './world.ts';

/** Own fields of an app event; missing ones are added, undefined ones stay absent. */
export interface AppEventFields {
  type: string;
  appId?: string | undefined;
  companyId?: string | undefined;
  locationId?: string | undefined;
  userId?: string | undefined;
  timestamp?: string | undefined;
  webhookId?: string | undefined;
  [name: string]: unknown;
}

/** Builds the body of an app event (platform.md 5.6). */
export function toAppEventBody(world: SimWorld, fields: AppEventFields): string {
  return JSON.stringify({
    appId: world.app.clientId.split('-')[0],
    versionId: '695505b431a9710730ee67d7',
    timestamp: new Date(world.clock.now()).toISOString(),
    webhookId: world.random(16).toString('hex'),
    ...fields,
  });
}

/** Posts an app event to the app's Default Webhook URL. @returns the HTTP status, 0 without a response */
export function postAppEvent(world: SimWorld, fields: AppEventFields): Promise<number> {
  return postSigned(world, '/webhooks/app', toAppEventBody(world, fields));
}

/** Builds the body of the app event about a message (platform.md 3.3 f): a copy, never to be sent. */
export function toMessageEventBody(
  world: SimWorld,
  fields: { type: 'OutboundMessage' | 'InboundMessage'; locationId: string; messageId: string; [name: string]: unknown },
): string {
  const appId = world.app.clientId.split('-')[0];
  const sent = fields.type === 'OutboundMessage';
  return JSON.stringify({
    versionId: appId,
    appId,
    body: 'words',
    contentType: 'text/plain',
    dateAdded: new Date(world.clock.now()).toISOString(),
    direction: sent ? 'outbound' : 'inbound',
    messageType: 'Custom',
    messageTypeId: 22,
    messageTypeString: 'TYPE_CUSTOM_PROVIDER_SMS',
    status: 'delivered',
    attachments: [],
    ...(sent ? { source: 'api' } : {}),
    timestamp: new Date(world.clock.now()).toISOString(),
    ...fields,
  });
}

import * as z from 'zod';
import { callStatuses } from '../../channels/messages.ts';
import type { Messaging } from '../../compose/messaging.ts';
import { maxChars } from '../../core/bounds.ts';
import { defineRoute } from './route.ts';
import { dateTime, locationParams } from './schemas.ts';

export interface CallRouteDeps {
  messaging: Pick<Messaging, 'receiveCall' | 'addRecordings'>;
}

const externalId = z.string().trim().min(1).max(maxChars.externalId);
const address = z.string().trim().min(1).max(maxChars.address);
const recordings = z
  .array(z.url({ protocol: /^https?$/ }).max(2_000))
  .max(5)
  .describe('Addresses from which they are fetched and stored.');

const callRequest = z
  .object({
    externalId: externalId.describe('Your id of the call: a repeat is not logged again.'),
    direction: z.enum(['inbound', 'outbound']),
    from: address,
    to: address,
    status: z.enum(callStatuses),
    name: z.string().trim().min(1).max(200).optional().describe('Of the contact, if it is new.'),
    startedAt: dateTime.optional(),
    recordings: recordings.default([]),
  })
  .meta({ id: 'CallLog' });

const recordingsRequest = z
  .object({ externalId: externalId.describe('Of a call that was logged before.'), recordings: recordings.min(1) })
  .meta({ id: 'CallRecordings' });

/** Defines the endpoints that log calls. */
export function createCallRoutes({ messaging }: CallRouteDeps) {
  return [
    defineRoute({
      method: 'post',
      path: '/locations/:locationId/calls',
      summary: 'Log a call that was made or received elsewhere in the contact’s conversation',
      permission: 'write',
      scope: 'messages:write',
      params: locationParams,
      body: callRequest,
      response: z.object({ status: z.enum(['stored', 'repeated']) }),
      status: 202,
      async handle({ location, body }) {
        const { startedAt: occurredAt, ...call } = body;
        const raw = Buffer.from(JSON.stringify(body));
        return { status: await messaging.receiveCall(location.resourceId, { ...call, occurredAt }, raw) };
      },
    }),

    defineRoute({
      method: 'post',
      path: '/locations/:locationId/calls/recordings',
      summary: 'Add recordings to a call that was logged before',
      permission: 'write',
      scope: 'messages:write',
      params: locationParams,
      body: recordingsRequest,
      status: 202,
      async handle({ location, body }) {
        await messaging.addRecordings(location.resourceId, body.externalId, body.recordings);
      },
    }),
  ];
}

import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import { createHighLevelId, type SimCharge } from './state.ts';
import type { SimWorld } from './world.ts';

const chargeBody = z.strictObject({
  appId: z.string().min(1),
  meterId: z.string().min(1),
  eventId: z.string().min(1),
  locationId: z.string().min(1),
  companyId: z.string().min(1),
  description: z.string().min(1),
  units: z.number(),
  userId: z.string().min(1).optional(),
  eventTime: z.iso.datetime().optional(),
  // A meter with a fixed price.
  price: z.undefined({ error: 'Custom price is not allowed for fixed price meters' }).optional(),
});

/** Creates the endpoints for wallet charges (platform.md 8.3). A repeated event is charged again, as far as is known. */
export function createWalletEndpoints(world: SimWorld): Endpoint[] {
  const shared = { version: '2021-07-28', kind: 'Location' as const };
  const path = '/marketplace/billing/charges';
  return [
    {
      ...shared,
      operation: 'hasFunds',
      method: 'get',
      path: `${path}/has-funds`,
      scope: 'charges.readonly',
      handle: () => ({ status: 200, body: { hasFunds: world.behaviour.hasFunds } }),
    },
    {
      ...shared,
      operation: 'listCharges',
      method: 'get',
      path,
      scope: 'charges.readonly',
      handle(request, token) {
        const { eventId, meterId } = request.query;
        const found = world.charges.filter(
          (one) => one.locationId === token.resourceId && one.eventId === eventId && one.meterId === meterId,
        );
        return { status: 200, body: { charges: found.map(toRow), count: found.length } };
      },
    },
    {
      ...shared,
      operation: 'createCharge',
      method: 'post',
      path,
      scope: 'charges.write',
      handle: (request, token) => charge(world, token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'deleteCharge',
      method: 'delete',
      path: `${path}/:chargeId`,
      scope: 'charges.write',
      handle(request, token) {
        const { chargeId } = request.params;
        const found = world.charges.find((one) => one.chargeId === chargeId && one.locationId === token.resourceId);
        if (!found || found.refunded) return refuse(404, 'Charge not found', 'state');
        found.refunded = true;
        return { status: 200, body: { success: true } };
      },
    },
  ];
}

function charge(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = chargeBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { meterId, eventId, appId, companyId } = parsed.data;
  const isOwn =
    parsed.data.locationId === locationId &&
    companyId === world.state.locations[locationId]?.companyId &&
    world.app.clientId.startsWith(`${appId}-`);
  if (!isOwn) return refuse(400, 'The charge is of another app, location or company.', 'schema');
  if (!world.behaviour.hasFunds) return refuse(400, 'Insufficient funds', 'state');
  const chargeId = createHighLevelId(world.random);
  world.charges.push({ chargeId, locationId, meterId, eventId, refunded: false });
  return { status: 201, body: { success: true, chargeId } };
}

function toRow({ chargeId, locationId, meterId, eventId, refunded }: SimCharge) {
  const entity = { entityType: 'location', entityId: locationId };
  return { chargeId, meterId, refunded, ...entity, transactionType: 'charge', units: 1, meta: { eventId } };
}

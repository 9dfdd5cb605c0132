import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { nestedObject, requiredText, shortId, text, toList, toObject, toText, unknownField } from '../core/foreign.ts';
import { readJsonBody } from '../core/json-body.ts';
import { sanitize } from '../core/sanitize.ts';

const id = requiredText(maxChars.highlevelId);
const optionalId = shortId(maxChars.highlevelId);
const schemaMismatch = 'The request lacks what is needed to handle it.';

const extras = nestedObject(
  z.looseObject({ locationId: id, contactId: optionalId, workflowId: optionalId, statusId: optionalId, stepId: optionalId }),
);

const actionSchema = z.looseObject({ data: unknownField.transform(toObject), extras });

/** Values of an action's form, by the name of the field. */
export interface FormData {
  /** Returns a value as text; undefined for an empty one, and for a custom value that was not filled in. */
  find(field: string): string | undefined;
  /** Returns a list's texts: entries, their addresses, or a text that separates them by commas or blanks. */
  list(field: string): readonly string[];
  /** All values, to distinguish two requests. */
  readonly all: Readonly<Record<string, unknown>>;
}

/** A request of a workflow: an action to carry out, or a form to fill. */
export interface ActionRequest {
  readonly locationId: string;
  readonly contactId: string | null;
  readonly workflowId: string | null;
  /** Ids of the step that waits; null where the workflow does not pause. */
  readonly step: { readonly statusId: string; readonly stepId: string } | null;
  readonly data: FormData;
  /** `extras` as they came, as JSON: a resume repeats them. */
  readonly extras: string;
}

/** Reads a request of an action, or of its dynamic fields (platform-2026-11.md 3.2). @throws AppError `payload_invalid` */
export function readActionRequest(body: Buffer): ActionRequest {
  const fields = readJsonBody(actionSchema, body, schemaMismatch);
  const { locationId, contactId, workflowId, statusId, stepId } = fields.extras;
  return {
    locationId,
    contactId: contactId || null,
    workflowId: workflowId || null,
    step: statusId && stepId ? { statusId, stepId } : null,
    data: createFormData(fields.data),
    extras: sanitize(JSON.stringify(fields.extras)),
  };
}

/** Values of dynamic fields may stand one level down (platform-2026-11.md 3.2). */
function createFormData(data: Record<string, unknown>): FormData {
  const { branches: _branches, ...all } = data;
  const parts = [all, ...Object.values(all).map(toObject)];
  const findRaw = (field: string) => parts.map((part) => (Object.hasOwn(part, field) ? part[field] : undefined)).find(isGiven);
  return {
    all,
    find(field) {
      const raw = findRaw(field);
      const value = toText(raw) ?? toText(toObject(raw).value);
      return value === undefined || value.trim() === '' ? undefined : sanitize(value);
    },
    list: (field) =>
      toList(findRaw(field))
        .flatMap((entry) => toText(entry) ?? toText(toObject(entry).url) ?? [])
        .flatMap((entry) => sanitize(entry).split(/[\s,]+/))
        .filter(Boolean),
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

const filterSchema = z.looseObject({ field: text, id: text, operator: text, value: unknownField });

const subscriptionSchema = z.looseObject({
  triggerData: nestedObject(
    z.looseObject({ id, key: text, eventType: text, targetUrl: text, filters: unknownField.transform(toList) }),
  ),
  meta: nestedObject(z.looseObject({ key: text })),
  extras: nestedObject(z.looseObject({ locationId: id, workflowId: optionalId })),
});

/** A condition on an event: the values of which one must be met. */
export interface EventFilter {
  readonly field: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** A request about a trigger of ours in a workflow. */
export interface SubscriptionRequest {
  readonly locationId: string;
  readonly workflowId: string | null;
  readonly triggerId: string;
  readonly key: string;
  readonly eventType: string;
  readonly targetUrl: string | null;
  readonly filters: readonly EventFilter[];
}

/** Reads a request about a trigger (platform-2026-11.md 3.2). @throws AppError `payload_invalid` */
export function readSubscriptionRequest(body: Buffer): SubscriptionRequest {
  const { triggerData, meta, extras: where } = readJsonBody(subscriptionSchema, body, schemaMismatch);
  return {
    locationId: where.locationId,
    workflowId: where.workflowId || null,
    triggerId: triggerData.id,
    key: triggerData.key ?? meta.key ?? '',
    eventType: (triggerData.eventType ?? '').toUpperCase(),
    targetUrl: triggerData.targetUrl ?? null,
    filters: triggerData.filters.flatMap(readFilter),
  };
}

const maxFilterChars = 500;

function readFilter(given: unknown): EventFilter[] {
  const { field, id: name, operator, value } = filterSchema.parse(toObject(given));
  const values = toList(value).flatMap((entry) => toText(entry) ?? toText(toObject(entry).value) ?? []);
  const wanted = values.map((entry) => sanitize(entry).trim().slice(0, maxFilterChars)).filter(Boolean);
  // A condition that the user left empty is none.
  if (wanted.length === 0) return [];
  return [{ field: sanitize(field ?? name ?? ''), operator: sanitize(operator ?? '=='), values: wanted }];
}

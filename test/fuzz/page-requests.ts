import fc from 'fast-check';
import { caller, drawPath, drawQuery, type FuzzHttpRequest, headers } from './http-requests.ts';
import { createValidOrOdd, oddText } from './inputs.ts';
import { drawValues } from './schema-values.ts';
import type { FuzzPage, FuzzTargets } from './targets.ts';

/** Draws requests to the pages inside the CRM and to the operator's, with their forms, downloads and streams' addresses. */
export function createPageRequests(targets: FuzzTargets): fc.Arbitrary<FuzzHttpRequest> {
  return fc.oneof(
    { arbitrary: createRequestsOf(targets, targets.pages, '/embed/pages', caller), weight: 2 },
    { arbitrary: createRequestsOf(targets, targets.adminPages, '/admin', fc.constant('session')), weight: 1 },
  );
}

function createRequestsOf(
  targets: FuzzTargets,
  pages: readonly FuzzPage[],
  base: string,
  by: fc.Arbitrary<string | null>,
): fc.Arbitrary<FuzzHttpRequest> {
  return fc.tuple(fc.constantFrom(...pages), fc.boolean(), fc.boolean()).chain(([page, isForm, isPrefixed]) => {
    const isOfLocation = page.scope === 'location' && isPrefixed;
    const path = [isOfLocation ? 'locations/:locationId' : '', page.path].filter(Boolean).join('/');
    const endings = page.hasDownload ? ['', '/download'] : [''];
    return fc.record({
      kind: fc.constant('http' as const),
      route: fc.constant(`${isForm ? 'post' : 'get'} ${base}/${page.path}`),
      method: fc.constant(isForm ? 'POST' : 'GET'),
      path: fc
        .tuple(drawPath(path, targets.ids), fc.constantFrom(...endings))
        .map(([filled, ending]) => `${base}/${filled}${ending}`),
      query: drawQuery(targets, page.query),
      caller: by,
      headers,
      contentType: fc.constant('application/x-www-form-urlencoded' as const),
      body: isForm ? drawForm(targets, page) : fc.constant(undefined),
    });
  });
}

function drawForm(targets: FuzzTargets, { actions }: FuzzPage): fc.Arbitrary<unknown> {
  const names = Object.keys(actions);
  // A form of a channel has the fields of its config.
  const more = fc.dictionary(
    fc.constantFrom(...Object.keys(targets.known)),
    createValidOrOdd(Object.values(targets.known).flat()),
    {
      maxKeys: 6,
    },
  );
  return createValidOrOdd(names, 12).chain((name) =>
    fc
      .tuple(drawValues(targets, actions[name] ?? {}), more, oddText)
      .map(([values, others]) => ({ ...others, ...Object(values), do: name })),
  );
}

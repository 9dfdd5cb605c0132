import { type Response, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Text } from './pages/framework/texts.ts';

/**
 * Creates pages that explain a webhook URL to a person who opens it in a browser: the URLs accept POST only. The pages query no table, so
 * they do not disclose which connections exist.
 */
export function createAddressPageRouter(deps: { providers: readonly Provider[] }): Router {
  const router = Router({ caseSensitive: true });

  router.get('/webhooks/app', (_request, response) => renderAddress(response, 'app'));

  router.get('/webhooks/providers/:key', (request, response) => {
    const provider = deps.providers.find(({ key }) => key === request.params.key);
    if (!provider) throw new AppError('not_found', 'The app has no provider with this key.');
    renderAddress(response, 'provider', { key: provider.key });
  });

  router.get('/channels/:connectionId/:event', (request, response) => {
    if (!z.uuid().safeParse(request.params.connectionId).success) {
      throw new AppError('not_found', 'This connection does not exist.');
    }
    renderAddress(response, 'channel');
  });

  return router;
}

function renderAddress(response: Response, address: 'app' | 'provider' | 'channel', values: { key?: string } = {}): void {
  const text = response.locals.text as Text;
  const title = text(`addresses.${address}.title`, values);
  const message = text(`addresses.${address}.message`, values);
  response.set('cache-control', 'no-store');
  if (response.req.accepts(['html', 'text']) === 'html') response.render('address', { title, message });
  else response.type('text').send(`${title}\n${message}\n${text('addresses.postOnly')}\n`);
}

import type { Frame, Page } from 'playwright-core';
import { listen } from './http.ts';
import type { World } from './world.ts';

type Context = Parameters<World['highlevel']['createUserContext']>[0];

/**
 * A CRM on another site than the app: its page shows the app in a frame and says who looks, as HighLevel does. The world must let it:
 * `services: { frameAncestors: ['http://localhost:*'] }`.
 */
export async function startParentFrame(world: World) {
  const { server, close } = await listen();
  let context: Context | undefined;
  let handshakes = 0;
  server.on('request', (request, response) => {
    if (request.url === '/context') {
      handshakes += 1;
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ payload: context && world.highlevel.createUserContext(context) }));
    }
    response.setHeader('content-type', 'text/html');
    response.end(renderParentPage(world.url, new URL(request.url ?? '/', world.url).search));
  });
  const { port } = server.address() as { port: number };

  return {
    handshakes: () => handshakes,
    [Symbol.asyncDispose]: close,
    /** Opens the app's page in the frame as somebody. @returns the frame */
    async open(page: Page, userContext: Context, { hash = '', query = '' } = {}): Promise<Frame> {
      context = userContext;
      // Another host than the app's 127.0.0.1: to the browser a third party.
      await page.goto('about:blank');
      await page.goto(`http://localhost:${port}/${query}${hash}`);
      const handle = await page.waitForSelector('iframe');
      const frame = await handle.contentFrame();
      if (!frame) throw new Error('The frame shows nothing.');
      await frame.waitForSelector('#main:not([aria-busy]) h1');
      return frame;
    },
  };
}

function renderParentPage(appUrl: string, query: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A CRM</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>html,body{margin:0;height:100%}iframe{border:0;width:100%;height:100%;display:block}</style></head><body>
<iframe title="The app" referrerpolicy="origin"></iframe>
<script type="module">
const frame = document.querySelector('iframe');
addEventListener('message', async (event) => {
  if (event.source !== frame.contentWindow || event.data?.message !== 'REQUEST_USER_DATA') return;
  const { payload } = await (await fetch('/context')).json();
  event.source.postMessage({ message: 'REQUEST_USER_DATA_RESPONSE', payload }, '*');
});
frame.src = ${JSON.stringify(`${appUrl}/embed${query}`)} + location.hash;
</script></body></html>`;
}

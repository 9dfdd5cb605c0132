import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

test('the page of settings leads to the pages that a viewer may open, and these lead back to it', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, companyId } = await world.install();
  const admin = await createPageClient(world, { companyId, activeLocation: id, role: 'admin' });
  const { text } = await admin.get('settings').expect(200);
  const paths = ['privacy', 'check', 'api-tokens', 'webhooks'];
  for (const path of paths) {
    expect(text).toContain(`href="#/${path}"`);
    const page = await admin.get(path, 'es').expect(200);
    expect(page.text).toContain('<a href="#/settings">Ajustes</a>');
    expect(page.text).toMatch(/href="#\/settings" aria-current="true"/);
  }
  const reader = await createPageClient(world, { companyId, activeLocation: id, role: 'user' });
  const seen = (await reader.get('settings').expect(200)).text;
  expect(paths.filter((path) => seen.includes(`href="#/${path}"`))).toEqual(['privacy']);
});

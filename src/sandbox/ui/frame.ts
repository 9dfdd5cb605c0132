import { Router } from 'express';
import type { Simulator } from '../highlevel/simulator.ts';

/** Creates the router of the app's embedded page in a frame, as HighLevel shows it as a Custom Page (platform.md 7.1). */
export function createCustomPageRouter(simulator: Simulator, appUrl: string): Router {
  const router = Router();
  const findContext = (query: Record<string, unknown>) => {
    const location = simulator.state.locations[String(query.location)];
    const company = simulator.state.companies[String(query.company)];
    const role = query.role === 'user' ? 'user' : 'admin';
    if (location) return { companyId: location.companyId, activeLocation: location.id, role };
    return company ? { companyId: company.id, role } : null;
  };

  router.get('/custom-page', (request, response) => {
    if (!findContext(request.query)) return void response.redirect('/desk');
    response.render('sandbox/custom-page', { embedUrl: `${appUrl}/embed` });
  });
  router.get('/custom-page/context', (request, response) => {
    const context = findContext(request.query);
    if (!context) return void response.status(404).json({ problem: 'There is no such location or company.' });
    response.set('cache-control', 'no-store').json({ payload: simulator.createUserContext(context) });
  });
  return router;
}

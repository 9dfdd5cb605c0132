import { type AppOptions, composeApp } from '../../src/compose.ts';

/** Composes the program and lays the members of its capabilities side by side, for tests that call one function with its dependencies. */
export async function composeServices(options: AppOptions) {
  const app = await composeApp(options);
  const { highlevel, attachments, connections, installations, messaging } = app;
  return {
    ...highlevel,
    ...attachments,
    ...connections,
    ...installations,
    ...messaging,
    loadConnections: connections.loadConnections,
    installationOf: installations.loadInstallation,
    ...app,
  };
}

import type { Simulator } from '../highlevel/simulator.ts';
import { sandboxTriggers } from './actions.ts';

const maxEntries = 20;

/** Loads what the workflows of a location have done: executions of “Send message” with their branch, and triggers with what started them. */
export function loadWorkflow(simulator: Simulator, locationId: string) {
  const { executions, triggers } = simulator.state;
  const ran = Object.values(executions)
    .filter(({ extras }) => extras.locationId === locationId)
    .map(({ data, resumes }) => {
      const outcome = resumes[0]?.variables.outcome;
      return `Send message “${String(data.message)}”: ${outcome === undefined ? 'waiting' : String(outcome).replace('_', ' ')}`;
    });
  const own = Object.values(triggers).filter((trigger) => trigger.locationId === locationId);
  const started = own.flatMap(({ key, executions: events }) =>
    events.map(({ reason, text, address }) => `Started by ${key}: ${String(text ?? reason ?? address ?? '')}`),
  );
  return {
    triggers: sandboxTriggers.map((key) => ({ id: key, name: key.replace('_', ' ') })),
    added: own.map(({ key }) => key),
    log: [...ran, ...started].slice(-maxEntries),
  };
}

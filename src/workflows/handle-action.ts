import type { ActionKey } from './definitions.ts';
import type { ActionRequest } from './read-request.ts';

export interface HandleActionDeps {
  reserveSend(request: ActionRequest): Promise<object>;
  checkOptOut(request: ActionRequest): Promise<object>;
  setOptOut(request: ActionRequest): Promise<object>;
}

/** Carries out an action of a workflow, or stores it for later. @returns the response @throws AppError `request_invalid` */
export function handleAction(deps: HandleActionDeps, action: ActionKey, request: ActionRequest): Promise<object> {
  switch (action) {
    case 'send_message':
      return deps.reserveSend(request);
    case 'check_opt_out':
      return deps.checkOptOut(request);
    case 'set_opt_out':
      return deps.setOptOut(request);
  }
}

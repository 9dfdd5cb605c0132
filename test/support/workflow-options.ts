import { minimalScopes, workflowScope } from '../../src/highlevel/operations.ts';

export const workflowSecret = 'workflow-secret-of-the-tests';
/** The one before: accepted while the operator changes it. */
export const previousWorkflowSecret = 'previous-workflow-secret';

/** Settings of an app with or without workflow actions and triggers. */
export const toWorkflowOptions = (hasWorkflows = false) => ({
  workflowSecrets: hasWorkflows ? [workflowSecret, previousWorkflowSecret] : [],
  workflowResumePath: 'resume-action',
});

export const listScopes = (hasWorkflows = false) => [...minimalScopes, ...(hasWorkflows ? [workflowScope] : [])];

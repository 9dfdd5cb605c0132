import type { Axios } from 'axios';
import express, { Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { createResumeEndpoints, executeAction, loadFields, postExecution } from './actions.ts';
import { createAgencyEndpoints, uninstallCompany, uninstallLocation } from './agency.ts';
import { createCallLogEndpoints } from './call-logs.ts';
import { createCallLog } from './calls.ts';
import { createContactSearchEndpoints } from './contact-search.ts';
import { addContact, changeContact, createContactEndpoints, deleteContact } from './contacts.ts';
import { createDenials } from './denials.ts';
import { createDndEndpoints, findDndRefusal, setDnd, toContactDndBody } from './do-not-disturb.ts';
import { createEmailEndpoints } from './emails.ts';
import { mountEndpoint } from './endpoint.ts';
import { type AppEventFields, postAppEvent, toAppEventBody, toMessageEventBody } from './events.ts';
import { createFaults } from './faults.ts';
import { createRequestLimits } from './limits.ts';
import { createMessageListEndpoints } from './message-list.ts';
import { addMessage, createMessageEndpoints } from './messages.ts';
import { approve, approveCompany, createOauthRouter } from './oauth.ts';
import { createSendEndpoints } from './send-message.ts';
import { createSigner } from './signer.ts';
import {
  createHighLevelId,
  createState,
  listMessages,
  type SimCompany,
  type SimContact,
  type SimExecution,
  type SimFilter,
  type SimLocation,
  type SimTrigger,
  type State,
} from './state.ts';
import { createUserContext, encryptUserContext, type SimUserContext } from './user-context.ts';
import { createWalletEndpoints } from './wallet.ts';
import { postDelivery, postSigned } from './webhooks.ts';
import { createTrigger, createTriggerEndpoints, postSubscription } from './workflows.ts';
import type { Behaviour, SimApp, SimWorld } from './world.ts';

export type { Behaviour, SimApp, SimProvider } from './world.ts';

export interface SimulatorOptions {
  clock: Clock;
  random: RandomSource;
  /** Posts webhooks to the app. */
  http: Axios;
  app: SimApp;
  behaviour?: Partial<Behaviour>;
  /** State of an earlier run. */
  state?: State | undefined;
  seed?: Buffer | undefined;
  onChange?: () => void;
}

export type Simulator = ReturnType<typeof createSimulator>;

/** Creates a simulated HighLevel, as strict as the platform where an app can go wrong (platform.md). Never loaded in production. */
export function createSimulator(options: SimulatorOptions) {
  const calls = createCallLog();
  const world: SimWorld = {
    state: options.state ?? createState(),
    clock: options.clock,
    random: options.random,
    http: options.http,
    app: options.app,
    behaviour: {
      statusDelayMs: 0,
      burstLimit: 100,
      dailyLimit: 200_000,
      listDelayMs: 1_000,
      echo: 'never',
      deliveryOrder: 'after_response',
      accessTokenSeconds: 86_399,
      refreshTokenSeconds: 365 * 86_400,
      refreshReuseSeconds: 30,
      canReconnect: true,
      maxPageSize: 100,
      omittedDnd: 'reset',
      listsUninstalled: false,
      hasFunds: true,
      ...options.behaviour,
    },
    calls,
    users: new Map(),
    apiUrl: () => options.app.getApiUrl?.() ?? '',
    uploads: [],
    charges: [],
    faults: createFaults(),
    denials: createDenials(),
    signer: createSigner(options.seed ?? options.random(32)),
    onChange: options.onChange ?? (() => {}),
  };
  const { state } = world;
  // A state of an earlier version has none.
  state.triggers ??= {};
  state.executions ??= {};

  /** Sends a message as a user, a workflow or a bulk action does. @throws Error the contact has do-not-disturb */
  async function sendMessage(
    locationId: string,
    content: {
      contactId: string;
      text?: string;
      attachments?: string[];
      providerKey?: string;
      messageId?: string;
      replyToAltId?: string;
      emailTo?: string[];
    },
  ) {
    const contact = state.contacts[content.contactId] as SimContact;
    const refusal = findDndRefusal(world, contact, content.providerKey);
    if (refusal) throw new Error(refusal);
    const message = addMessage(world, contact, {
      ...(content.messageId ? { id: content.messageId } : {}),
      providerKey: content.providerKey ?? world.app.providers[0]?.key ?? '',
      direction: 'outbound',
      text: content.text ?? '',
      attachments: content.attachments ?? [],
      altId: null,
      status: 'pending',
      ...(content.replyToAltId ? { replyToAltId: content.replyToAltId } : {}),
      ...(content.emailTo ? { emailTo: content.emailTo } : {}),
    });
    world.onChange();
    const status = await postDelivery(world, message, contact);
    return { messageId: message.id, locationId, httpStatus: status };
  }

  return {
    world,
    state,
    calls,
    faults: world.faults,
    denials: world.denials,
    /** Counts the uses of a location's or company's refresh token. */
    countRefreshes: (resourceId: string) =>
      calls.listByOperation('token:refresh_token').filter((call) => call.resourceId === resourceId).length,
    behaviour: world.behaviour,
    publicKey: world.signer.publicKey,
    router: createRoutes(world, calls.add),

    addLocation(fields: Partial<SimLocation> = {}): SimLocation {
      const id = fields.id ?? createHighLevelId(world.random);
      const location = {
        id,
        companyId: 'SandboxCompany000001',
        name: `Location ${id.slice(0, 4)}`,
        timezone: 'America/New_York',
        country: 'US',
        isActive: true,
        isInstalled: false,
        ...fields,
      };
      state.locations[id] = location;
      return location;
    },
    addContact: (locationId: string, fields: Partial<SimContact> = {}) => addContact(world, locationId, fields),
    addCompany(fields: Partial<SimCompany> = {}): SimCompany {
      const id = fields.id ?? createHighLevelId(world.random);
      const defaults = { name: 'Harbour Agency', includesFutureLocations: false, whiteLabelDomain: null, isInstalled: false };
      const company = { id, ...defaults, ...fields };
      state.companies[id] = company;
      return company;
    },
    /** Approves an install. @returns the code that the browser would bring back */
    approveInstall: (locationId: string) => approve(world, state.locations[locationId] as SimLocation),
    /** Gives an agency's consent, for these of its locations or for all. */
    approveCompanyInstall(companyId: string, locationIds?: readonly string[]): string {
      if (!state.companies[companyId]) this.addCompany({ id: companyId });
      return approveCompany(world, companyId, locationIds);
    },
    uninstallLocation: (locationId: string) => uninstallLocation(world, locationId),
    uninstallCompany: (companyId: string) => uninstallCompany(world, companyId),
    postEvent: (fields: AppEventFields) => postAppEvent(world, fields),
    toEventBody: (fields: AppEventFields) => toAppEventBody(world, fields),
    toMessageEventBody: (fields: Parameters<typeof toMessageEventBody>[1]) => toMessageEventBody(world, fields),
    /** Creates the user context that the parent frame would pass to the embedded page. */
    createUserContext(fields: Partial<SimUserContext> & { companyId: string }) {
      const context = createUserContext(fields);
      world.users.set(context.userId, context);
      return encryptUserContext(context, world.app.sharedSecret ?? '', world.random);
    },
    /** Users that the API knows. */
    users: world.users,

    sendMessage,
    /** Returns the platform's words for refusing a send to a contact with do-not-disturb; null where it accepts one. */
    findDndRefusal: (contactId: string, providerKey?: string) =>
      findDndRefusal(world, state.contacts[contactId] as SimContact, providerKey),
    /** Changes a contact's do-not-disturb as a user does, and posts the event. @returns the HTTP status */
    setDnd: (contactId: string, change: Parameters<typeof setDnd>[2]) =>
      setDnd(world, state.contacts[contactId] as SimContact, change),
    /** Changes tags or assigned user of a contact as a user does, and posts the event. @returns the HTTP status */
    changeContact: (contactId: string, change: Parameters<typeof changeContact>[2]) =>
      changeContact(world, state.contacts[contactId] as SimContact, change),
    /** Deletes a contact as a user does, and posts the event. @returns the HTTP status */
    deleteContact: (contactId: string) => deleteContact(world, state.contacts[contactId] as SimContact),
    /** Builds the body of the event about a contact's do-not-disturb as it is now. */
    toContactDndBody: (contactId: string) => toContactDndBody(world, state.contacts[contactId] as SimContact),
    /** Posts the same webhook again, byte by byte. */
    repost(messageId: string) {
      const message = state.messages[messageId];
      const contact = state.contacts[message?.contactId ?? ''];
      if (!message || !contact) throw new Error(`The simulator has no message ${messageId}.`);
      return postDelivery(world, message, contact);
    },
    /** Executes an action for a contact, as a workflow does. */
    executeAction: (locationId: string, key: string, data: Record<string, unknown>, how: Parameters<typeof executeAction>[4]) =>
      executeAction(world, locationId, key, data, how),
    /** Posts an execution again. */
    postExecution: (execution: SimExecution) => postExecution(world, execution),
    loadFields: (locationId: string, key: string, data: Record<string, unknown>) => loadFields(world, locationId, key, data),
    /** Adds a trigger of the app to a workflow. @returns the trigger, and the HTTP status of the app's response */
    async addTrigger(locationId: string, key: string, filters: readonly SimFilter[] = []) {
      const trigger = createTrigger(world, locationId, key, filters);
      return { trigger, status: await postSubscription(world, trigger, 'CREATED') };
    },
    /** Changes or removes a trigger of a workflow. @returns the HTTP status */
    postSubscription: (trigger: SimTrigger, eventType: 'UPDATED' | 'DELETED') => postSubscription(world, trigger, eventType),
    postSigned: (path: string, body: string, how?: { signature?: string | null }) => postSigned(world, path, body, how),
    sign: (body: string) => world.signer.sign(Buffer.from(body)),

    findMessage: (messageId: string) => state.messages[messageId],
    /** Lists the accepted statuses of a message, in order. */
    listStatuses: (messageId: string) => state.messages[messageId]?.statuses ?? [],
    listConversation: (contactId: string) => listMessages(state, contactId),

    /** Expires every access token. */
    expireTokens() {
      for (const token of Object.values(state.accessTokens)) token.expiresAt = 0;
    },
    /** Revokes every token, or those of one location or company. */
    revokeTokens(resourceId?: string) {
      const isAffected = (token: { resourceId: string }) => resourceId === undefined || token.resourceId === resourceId;
      for (const [value, token] of Object.entries(state.refreshTokens))
        if (isAffected(token)) delete state.refreshTokens[value];
      for (const token of Object.values(state.accessTokens)) if (isAffected(token)) token.expiresAt = 0;
    },
  };
}

function createRoutes(world: SimWorld, log: ReturnType<typeof createCallLog>['add']): Router {
  const router = Router();
  router.use(createOauthRouter(world, log));
  const limits = createRequestLimits(world.clock, world.behaviour);
  router.use('/conversations/messages/upload', express.raw({ type: 'multipart/form-data', limit: '30mb' }));
  router.use(['/conversations', '/contacts', '/locations', '/marketplace', '/workflows-marketplace'], express.json());
  router.use('/oauth', express.urlencoded({ extended: false }));
  for (const endpoint of [
    ...createMessageEndpoints(world),
    ...createCallLogEndpoints(world),
    ...createMessageListEndpoints(world),
    ...createWalletEndpoints(world),
    ...createEmailEndpoints(world),
    ...createDndEndpoints(world),
    ...createContactSearchEndpoints(world),
    ...createContactEndpoints(world),
    ...createAgencyEndpoints(world),
    ...createTriggerEndpoints(world),
    ...createSendEndpoints(world),
    ...createResumeEndpoints(world),
  ]) {
    mountEndpoint(world, router, limits, log, endpoint);
  }
  router.use(
    ['/conversations', '/contacts', '/locations', '/oauth', '/marketplace', '/workflows-marketplace'],
    (request, response) => {
      const { method, originalUrl: path, body } = request;
      const at = world.clock.now();
      log({
        operation: 'unknown',
        method,
        path,
        resourceId: null,
        at,
        status: 404,
        refusal: 'unknown_endpoint',
        body,
        responseBody: '',
      });
      response.status(404).json({ statusCode: 404, message: `Cannot ${method} ${path}` });
    },
  );
  return router;
}

import type { AxiosInstance } from 'axios';
import express, { Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { agencyEndpoints, uninstallCompany, uninstallLocation } from './agency.ts';
import { callLog } from './calls.ts';
import { addContact, contactEndpoints } from './contacts.ts';
import { denialList } from './denials.ts';
import { emailEndpoints } from './emails.ts';
import { mountEndpoint } from './endpoint.ts';
import { type AppEventFields, appEventBody, messageEventBody, postAppEvent } from './events.ts';
import { faultList } from './faults.ts';
import { requestLimits } from './limits.ts';
import { messageListEndpoints } from './message-list.ts';
import { addMessage, messageEndpoints } from './messages.ts';
import { approve, approveCompany, oauth } from './oauth.ts';
import { signer } from './signer.ts';
import {
  createState,
  highLevelId,
  messagesOf,
  type SimCompany,
  type SimContact,
  type SimLocation,
  type State,
} from './state.ts';
import { contextFor, encryptUserContext, type SimUserContext } from './user-context.ts';
import { postDelivery, postSigned } from './webhooks.ts';
import type { Behaviour, SimApp, SimWorld } from './world.ts';

export type { Behaviour, SimApp, SimProvider } from './world.ts';

export interface SimulatorOptions {
  clock: Clock;
  random: RandomSource;
  /** Posts webhooks to the app. */
  http: AxiosInstance;
  app: SimApp;
  behaviour?: Partial<Behaviour>;
  /** What an earlier run left. */
  state?: State | undefined;
  seed?: Buffer | undefined;
  changed?: () => void;
}

export type Simulator = ReturnType<typeof createSimulator>;

/** A HighLevel of our own, as strict as the platform where an app can go wrong (platform.md). Never loaded in production. */
export function createSimulator(options: SimulatorOptions) {
  const calls = callLog();
  const world: SimWorld = {
    state: options.state ?? createState(),
    clock: options.clock,
    random: options.random,
    http: options.http,
    app: options.app,
    behaviour: {
      knowsMessagesAfterMs: 0,
      burstLimit: 100,
      dailyLimit: 200_000,
      listsMessagesAfterMs: 1_000,
      echo: 'never',
      accessTokenSeconds: 86_399,
      refreshTokenSeconds: 365 * 86_400,
      spentTokenSeconds: 30,
      canReconnect: true,
      pageLimit: 100,
      listsEverything: false,
      ...options.behaviour,
    },
    calls,
    users: new Map(),
    uploads: [],
    faults: faultList(),
    denials: denialList(),
    signer: signer(options.seed ?? options.random(32)),
    changed: options.changed ?? (() => {}),
  };
  const { state } = world;

  /** Sends as a user, a workflow or a bulk action does. */
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
    world.changed();
    const status = await postDelivery(world, message, contact);
    return { messageId: message.id, locationId, httpStatus: status };
  }

  return {
    world,
    state,
    calls,
    faults: world.faults,
    denials: world.denials,
    /** How often a location's or company's refresh token was used. */
    refreshesOf: (resourceId: string) =>
      calls.of('token:refresh_token').filter((call) => call.resourceId === resourceId).length,
    behaviour: world.behaviour,
    publicKey: world.signer.publicKey,
    router: routes(world, calls.add),

    addLocation(fields: Partial<SimLocation> = {}): SimLocation {
      const id = fields.id ?? highLevelId(world.random);
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
      const id = fields.id ?? highLevelId(world.random);
      const none = { name: 'Harbour Agency', toFutureLocations: false, whiteLabelDomain: null, isInstalled: false };
      const company = { id, ...none, ...fields };
      state.companies[id] = company;
      return company;
    },
    /** @returns the code that the browser would bring back */
    approveInstall: (locationId: string) => approve(world, state.locations[locationId] as SimLocation),
    /** An agency's consent: for these of its locations, or for all. */
    approveCompanyInstall(companyId: string, locationIds?: readonly string[]): string {
      if (!state.companies[companyId]) this.addCompany({ id: companyId });
      return approveCompany(world, companyId, locationIds);
    },
    uninstallLocation: (locationId: string) => uninstallLocation(world, locationId),
    uninstallCompany: (companyId: string) => uninstallCompany(world, companyId),
    postEvent: (fields: AppEventFields) => postAppEvent(world, fields),
    eventBody: (fields: AppEventFields) => appEventBody(world, fields),
    messageEventBody: (fields: Parameters<typeof messageEventBody>[1]) => messageEventBody(world, fields),
    /** What the parent frame would hand to the embedded page. */
    userContext(fields: Partial<SimUserContext> & { companyId: string }) {
      const context = contextFor(fields);
      world.users.set(context.userId, context);
      return encryptUserContext(context, world.app.sharedSecret ?? '', world.random);
    },
    /** What the API says of users. */
    users: world.users,

    sendMessage,
    /** The same webhook again, to the byte. */
    repost(messageId: string) {
      const message = state.messages[messageId];
      const contact = state.contacts[message?.contactId ?? ''];
      if (!message || !contact) throw new Error(`The simulator has no message ${messageId}.`);
      return postDelivery(world, message, contact);
    },
    postSigned: (path: string, body: string, how?: { signature?: string | null }) => postSigned(world, path, body, how),
    sign: (body: string) => world.signer.sign(Buffer.from(body)),

    message: (messageId: string) => state.messages[messageId],
    /** Every status that was accepted for a message, in order. */
    statusesOf: (messageId: string) => state.messages[messageId]?.statuses ?? [],
    conversationOf: (contactId: string) => messagesOf(state, contactId),

    /** Every access token stops working. */
    expireTokens() {
      for (const token of Object.values(state.accessTokens)) token.expiresAt = 0;
    },
    /** Every token stops working for good, or those of one location or company do. */
    revokeTokens(resourceId?: string) {
      const isMeant = (token: { resourceId: string }) => resourceId === undefined || token.resourceId === resourceId;
      for (const [value, token] of Object.entries(state.refreshTokens)) if (isMeant(token)) delete state.refreshTokens[value];
      for (const token of Object.values(state.accessTokens)) if (isMeant(token)) token.expiresAt = 0;
    },
  };
}

function routes(world: SimWorld, log: ReturnType<typeof callLog>['add']): Router {
  const router = Router();
  router.use(oauth(world, log));
  const limits = requestLimits(world.clock, world.behaviour);
  router.use('/conversations/messages/upload', express.raw({ type: 'multipart/form-data', limit: '30mb' }));
  router.use(['/conversations', '/contacts', '/locations', '/marketplace'], express.json());
  router.use('/oauth', express.urlencoded({ extended: false }));
  for (const endpoint of [
    ...messageEndpoints(world),
    ...messageListEndpoints(world),
    ...emailEndpoints(world),
    ...contactEndpoints(world),
    ...agencyEndpoints(world),
  ]) {
    mountEndpoint(world, router, limits, log, endpoint);
  }
  router.use(['/conversations', '/contacts', '/locations', '/oauth', '/marketplace'], (request, response) => {
    const { method, originalUrl: path, body } = request;
    const at = world.clock.now();
    log({ operation: 'unknown', method, path, resourceId: null, at, status: 404, refusal: 'unknown endpoint', body, said: '' });
    response.status(404).json({ statusCode: 404, message: `Cannot ${method} ${path}` });
  });
  return router;
}

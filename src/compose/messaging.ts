import { createSenderLookUp } from '../connections/vendor-lists.ts';
import { bindContactByLink, bindContactByPhone } from '../messages/inbound/bind-contact.ts';
import { findNumberOfUser } from '../messages/inbound/contact-addresses.ts';
import { createInboundReceiver } from '../messages/inbound/receive.ts';
import { createMessageLister, findMessageWithHistory, findRecipientStates } from '../messages/log/list-messages.ts';
import { recordUnknownWebhook } from '../messages/log/unknown-webhooks.ts';
import { loadGroupPauses } from '../messages/log/wait-reasons.ts';
import { createMessageLoader } from '../messages/model/message.ts';
import { type StoreDeps, toRecipientsReportJob } from '../messages/model/message-jobs.ts';
import { createAddressReader, createCountryFinder } from '../messages/model/read-address.ts';
import { createReportDelay } from '../messages/model/report-delay.ts';
import { recordContactDnd } from '../messages/opt-outs/contact-dnd.ts';
import { createAttemptStarter } from '../messages/outbound/attempts.ts';
import { createContactLink, findContactLink, resolveWorkflowLink } from '../messages/outbound/create-contact-link.ts';
import type { DeliverDeps } from '../messages/outbound/deliver.ts';
import { lookUpContact, lookUpContactFacts, searchContact } from '../messages/outbound/look-up-contact.ts';
import { createDeliveryReceiver } from '../messages/outbound/receive.ts';
import { sendTestMessage } from '../messages/outbound/send-test.ts';
import { cancelQueued, countUnreported, releaseWaiting, resumeReports } from '../messages/recovery/location-lifecycle.ts';
import { runRedrives, startRedrive } from '../messages/recovery/redrive.ts';
import { markSent, resend } from '../messages/recovery/resend.ts';
import { endQuietPeriods } from '../messages/reporting/end-quiet-periods.ts';
import { pollReceipts } from '../messages/reporting/poll-receipts.ts';
import { createReceiptRecorder } from '../messages/reporting/record-receipt.ts';
import { reportStatus } from '../messages/reporting/report-status.ts';
import { watchSilence } from '../messages/reporting/watch-silence.ts';
import { createContactFactsReader, recordContactEvent } from '../messages/routing/contact-facts.ts';
import { listConnectionSenders } from '../messages/routing/list-senders.ts';
import { createSetupLoader } from '../messages/routing/load-setup.ts';
import { previewRoute } from '../messages/routing/preview.ts';
import { redirectWaiting } from '../messages/routing/redirect-waiting.ts';
import { drainSettlements } from '../messages/settlement/drain-settlements.ts';
import { createSettler } from '../messages/settlement/settle.ts';
import { settleBatch } from '../messages/settlement/settle-batch.ts';
import { updateMessages } from '../messages/settlement/update-messages.ts';
import { rollUpDailyActivity } from '../messages/stats/active-days.ts';
import { countRefusedSends } from '../messages/stats/refused-sends.ts';
import { rollUpDailyStats } from '../messages/stats/rollup.ts';
import type { Attachments } from './attachments.ts';
import { composeBilling } from './billing.ts';
import { bindAll } from './bind.ts';
import type { Connections } from './connections.ts';
import { composeDeliver } from './deliver.ts';
import type { HighLevelCapability } from './highlevel.ts';
import { composeInbound } from './inbound.ts';
import type { Installations } from './installations.ts';
import { composeOptOuts } from './opt-outs.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Messages in both directions, from the webhook to the report. */
export type Messaging = ReturnType<typeof composeMessaging>;

/** Composes the dependencies that all functions that change messages share. */
export function composeMessageStore({ db, clock }: Pick<Runtime, 'db' | 'clock'>): StoreDeps {
  return { db, clock, reportDelay: createReportDelay() };
}

export type LocationHooks = ReturnType<typeof composeLocationHooks>;

/** Composes the actions on a location's messages when its installation changes. */
export function composeLocationHooks({ newId }: Pick<Runtime, 'newId'>, store: StoreDeps) {
  const deps = { ...store, newId, ...bindAll(store, { updateMessages }) };
  return bindAll(deps, { releaseWaiting, cancelQueued, countUnreported, resumeReports, recordContactDnd });
}

/** Composes receiving, sending, posting and reporting messages. */
export function composeMessaging(
  runtime: Runtime,
  {
    providers,
    appUrl,
    app,
    confirmTimeoutMs = 600_000,
    walletMeterId,
  }: Pick<CapabilityOptions, 'providers' | 'appUrl' | 'app' | 'confirmTimeoutMs' | 'walletMeterId'>,
  others: HighLevelCapability & {
    store: StoreDeps;
    hooks: LocationHooks;
    attachments: Attachments;
    connections: Connections;
    installations: Installations;
    sendThroughSession: DeliverDeps['sendThroughSession'];
  },
) {
  const { store, hooks, attachments, connections, installations, highLevel, sendThroughSession } = others;
  const { clock, log, metrics, tracing } = runtime;
  const settle = createSettler({ clock, log, settleBatch: (items) => settleBatch({ ...runtime, ...store }, items) });
  const readAddress = createAddressReader(createCountryFinder(installations.loadInstallation));
  const optOuts = composeOptOuts({
    ...{ ...runtime, highLevel, readAddress },
    installationOf: installations.loadInstallation,
  });
  const billing = composeBilling({
    ...{ ...runtime, highLevel, app, walletMeterId },
    installationOf: installations.loadInstallation,
  });
  const ingredients = {
    ...runtime,
    ...store,
    ...bindAll(store, { updateMessages, toRecipientsReportJob }),
    ...attachments,
    providers,
    appUrl,
    confirmTimeoutMs,
    highLevel,
    tokens: installations.tokens,
    channels: connections.channels,
    decryptConnection: connections.decryptConnection,
    createChannelContext: connections.createChannelContext,
    getConnection: connections.getConnection,
    holdConnection: connections.holdConnection,
    findChannelType: connections.findChannelType,
    ...optOuts,
    ...billing,
    ...bindAll({ ...runtime, highLevel }, { lookUpContact, searchContact }),
    ...bindAll(
      { ...runtime, createChannelContext: connections.createChannelContext },
      { createContactLink, findContactLink, resolveWorkflowLink },
    ),
    sendThroughSession,
    loadConnections: connections.loadConnections,
    listVendorSenders: createSenderLookUp(clock, connections.listSenders),
    loadSetup: createSetupLoader({ ...runtime, installationOf: installations.loadInstallation }),
    loadContactFacts: createContactFactsReader({ ...runtime, ...bindAll({ ...runtime, highLevel }, { lookUpContactFacts }) }),
    installationOf: installations.loadInstallation,
    readAddress,
    findMessage: createMessageLoader(runtime.db),
    startAttempt: createAttemptStarter({ ...runtime, ...store }),
    settle,
    recordSend(channel: string, outcome: string, ms: number) {
      metrics.sendAttempts.inc({ channel, outcome });
      metrics.sendDuration.observe({ channel }, ms / 1000);
      tracing?.recordRequest('send', ms, { 'patchbay.channel': channel, 'patchbay.outcome': outcome });
    },
    startTrace: tracing?.startTrace,
    traceReceipt:
      tracing &&
      ((messageId: string, durationMs: number, state: string) =>
        tracing.recordStep('receipt', messageId, durationMs, { 'patchbay.state': state })),
  };
  const { findMessage, startAttempt } = ingredients;
  const recordReceipt = createReceiptRecorder(ingredients);
  return {
    ...hooks,
    ...optOuts,
    ...billing,
    reportDelay: store.reportDelay,
    readAddress,
    findMessage,
    startAttempt,
    settle,
    listMessages: createMessageLister(runtime.db),
    /** For people who look through the log: it may be some seconds old. */
    browseMessages: createMessageLister(runtime.reader),
    receiveDelivery: createDeliveryReceiver(ingredients),
    receiveInbound: createInboundReceiver(ingredients),
    recordReceipt,
    createContactLink: ingredients.createContactLink,
    resolveWorkflowLink: ingredients.resolveWorkflowLink,
    lookUpContact: ingredients.lookUpContact,
    searchContact: ingredients.searchContact,
    ...bindAll(
      { ...ingredients, recordReceipt, listReceiptLookUps: connections.listReceiptLookUps },
      { pollReceipts, endQuietPeriods },
    ),
    ...bindAll(
      {
        ...runtime,
        listSilenceWatches: connections.listSilenceWatches,
        requestChecks: connections.requestChecks,
        recordSilentSends: (channel: string, count: number) => metrics.silentSends.inc({ channel }, count),
      },
      { watchSilence },
    ),
    ...composeInbound(ingredients),
    ...bindAll(runtime.db, { findMessageWithHistory, findRecipientStates, findNumberOfUser }),
    ...bindAll({ ...ingredients, client: runtime.db.client }, { previewRoute }),
    ...bindAll({ ...ingredients, listSenders: connections.listSenders }, { listConnectionSenders }),
    deliver: composeDeliver({ ...ingredients, loadMessage: findMessage }),
    ...bindAll(ingredients, {
      recordContactEvent,
      bindContactByLink,
      bindContactByPhone,
      loadGroupPauses,
      reportStatus,
      recordUnknownWebhook,
      sendTestMessage,
      resend,
      markSent,
      startRedrive,
      runRedrives,
      redirectWaiting,
      rollUpDailyActivity,
      rollUpDailyStats,
      countRefusedSends,
    }),
    /** Waits up to `timeoutMs` for the database to store the responses of vendors that only this process knows. */
    drainSettlements: (timeoutMs: number) => drainSettlements(settle, { clock, log }, timeoutMs),
    listUnwritten: settle.unwritten,
  };
}

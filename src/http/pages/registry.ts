import { type AgencyPageDeps, createAgencyPage } from './agency.ts';
import { type AlertPageDeps, createAccountAlertsPage, createLocationAlertsPage } from './alerts/list.ts';
import { createTokensPage, type TokenPageDeps } from './api/tokens.ts';
import { createWebhookPages, type WebhookPageDeps } from './api/webhooks.ts';
import { createChannelPages } from './channels/channel.ts';
import { createConnectPages } from './channels/connect.ts';
import { createChannelsPage } from './channels/list.ts';
import { createPairingPages } from './channels/pairing.ts';
import { createRoutingPage, type RoutingPageDeps } from './channels/routing.ts';
import { createSendersPages } from './channels/senders.ts';
import { createChannelSettingsPages } from './channels/settings.ts';
import { createTemplatesPages } from './channels/templates.ts';
import { type CheckPageDeps, createConnectionCheckPage } from './connection-check.ts';
import type { Page } from './framework/page.ts';
import { createHomePage, type HomeDeps } from './locations/home.ts';
import { createLocationsPage } from './locations/list.ts';
import { createDeadLettersPage, type DeadLettersPageDeps } from './messages/dead-letters.ts';
import { createAccountMessagesPage, createMessagesPage, type LogPageDeps } from './messages/list.ts';
import { createAccountMessagePage, createMessagePage, type MessagePageDeps } from './messages/message.ts';
import { createOptOutsPage, type OptOutPageDeps } from './opt-outs/list.ts';
import { createRefusedSendsPage } from './opt-outs/refused.ts';
import { createAccountOverviewPage, createLocationOverviewPage, type OverviewDeps } from './overview/overview.ts';
import { createPrivacyPage, type PrivacyPageDeps } from './privacy/privacy.ts';
import { createSettingsPage } from './settings.ts';
import { createTriggersPage, type TriggerPageDeps } from './workflows/triggers.ts';

export type PageDeps = HomeDeps &
  OverviewDeps &
  LogPageDeps &
  MessagePageDeps &
  DeadLettersPageDeps &
  AlertPageDeps &
  RoutingPageDeps &
  OptOutPageDeps &
  TokenPageDeps &
  PrivacyPageDeps &
  WebhookPageDeps &
  AgencyPageDeps &
  TriggerPageDeps &
  CheckPageDeps;

/** Creates all pages. A new page needs its file, its view, its texts and a line here. */
export function createPages(deps: PageDeps): Page[] {
  const pages = [
    createHomePage(deps),
    createLocationOverviewPage(deps),
    createAccountOverviewPage(deps),
    createLocationsPage(deps),
    createMessagesPage(deps),
    createAccountMessagesPage(deps),
    createMessagePage(deps),
    createAccountMessagePage(deps),
    createDeadLettersPage(deps),
    createLocationAlertsPage(deps),
    createAccountAlertsPage(deps),
    createOptOutsPage(deps),
    createRefusedSendsPage(deps),
    createTriggersPage(deps),
    createPrivacyPage(deps),
    createChannelsPage(deps),
    ...createChannelPages(deps),
    ...createConnectPages(deps),
    ...createChannelSettingsPages(deps),
    ...createPairingPages(deps),
    createRoutingPage(deps),
    ...createSendersPages(deps),
    ...createTemplatesPages(deps),
    createTokensPage(deps),
    ...createWebhookPages(deps),
    createAgencyPage(deps),
    createConnectionCheckPage(deps),
  ];
  return [...pages, createSettingsPage(pages)];
}

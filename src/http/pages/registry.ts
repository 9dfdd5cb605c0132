import type { CheckDeps } from '../../checks/run-checks.ts';
import { type AgencyPageDeps, agencyPage } from './agency.ts';
import { type AlertPageDeps, locationAlertsPage, reachAlertsPage } from './alerts.ts';
import { channelPage } from './channel.ts';
import type { ChannelPageDeps } from './channel-place.ts';
import { channelSettingsPage } from './channel-settings.ts';
import { channelsPage } from './channels.ts';
import { connectPage } from './connect.ts';
import { connectionCheckPage } from './connection-check.ts';
import { deadLettersPage } from './dead-letters.ts';
import { type HomeDeps, homePage } from './home.ts';
import { locationsPage } from './locations.ts';
import { type MessagePageDeps, messagePage, messagePageOfReach } from './message.ts';
import { type LogPageDeps, messagesPage, messagesPageOfReach } from './messages.ts';
import { locationOverviewPage, type OverviewDeps, reachOverviewPage } from './overview.ts';
import type { Page } from './page.ts';

export type PageDeps = HomeDeps &
  OverviewDeps &
  LogPageDeps &
  MessagePageDeps &
  AlertPageDeps &
  ChannelPageDeps &
  AgencyPageDeps &
  CheckDeps;

/** Every page that there is: a new one is its file, its view, its texts, and a line here. */
export function allPages(deps: PageDeps): Page[] {
  return [
    homePage(deps),
    locationOverviewPage(deps),
    reachOverviewPage(deps),
    locationsPage(deps),
    messagesPage(deps),
    messagesPageOfReach(deps),
    messagePage(deps),
    messagePageOfReach(deps),
    deadLettersPage(deps),
    locationAlertsPage(deps),
    reachAlertsPage(deps),
    channelsPage(deps),
    channelPage(deps),
    connectPage(deps),
    channelSettingsPage(deps),
    agencyPage(deps),
    connectionCheckPage(deps),
  ];
}

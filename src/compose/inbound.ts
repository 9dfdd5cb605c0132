import type { HighLevel } from '../highlevel/client.ts';
import type { Provider } from '../highlevel/providers.ts';
import { createChargedClient } from '../installations/charged-client.ts';
import { publishAttachments } from '../messages/inbound/attachment-urls.ts';
import { fetchAttachments } from '../messages/inbound/fetch-attachments.ts';
import { type FetchInboundDeps, fetchInboundFile } from '../messages/inbound/fetch-inbound-file.ts';
import { findPostedMessage } from '../messages/inbound/find-posted.ts';
import { postInbound } from '../messages/inbound/inbound-types.ts';
import { postMessage } from '../messages/inbound/post.ts';
import { postRecordings } from '../messages/inbound/post-recordings.ts';
import { type ConversationDeps, postToConversation } from '../messages/inbound/post-to-conversation.ts';
import { addRecordings, receiveCall } from '../messages/inbound/receive-call.ts';
import { settleFailed, settleFailure } from '../messages/inbound/settle-failure.ts';
import {
  type AttachmentDeps,
  findStoredAttachments,
  getAttachmentUrl,
  storeAttachments,
} from '../messages/inbound/store-attachments.ts';
import type { ReadAddress } from '../messages/model/read-address.ts';
import type { Settle } from '../messages/settlement/settle.ts';
import type { Attachments } from './attachments.ts';
import { bindAll } from './bind.ts';
import type { Runtime } from './runtime.ts';

interface InboundParts extends Pick<Runtime, 'db' | 'clock' | 'newId' | 'log' | 'jitter'>, Attachments, FetchInboundDeps {
  highLevel: HighLevel;
  providers: readonly Provider[];
  settle: Settle;
  readAddress: ReadAddress;
}

/** Composes the work on inbound messages: fetching their attachments and posting them. */
export function composeInbound(parts: InboundParts) {
  const { db, clock, log, jitter, highLevel, providers, settle, attachmentStore, attachmentDelivery } = parts;
  const attachments: AttachmentDeps = { ...parts, ...bindAll(parts, { fetchInboundFile }) };
  const files = bindAll(attachments, { storeAttachments, findStoredAttachments, getAttachmentUrl });
  const failures = bindAll({ clock, jitter, settle }, { settleFailed, settleFailure });
  const conversation: ConversationDeps = {
    db,
    clock,
    createJobClient: () => createChargedClient({ db, clock, highLevel }, 1),
    ...bindAll({ db, attachmentStore, attachmentDelivery, ...files }, { publishAttachments }),
    findPostedMessage: (client, ...post) => findPostedMessage({ db, highLevel: client }, ...post),
    postInbound: (client, post) => postInbound({ db, clock, log, highLevel: client }, post),
  };
  const { createJobClient, publishAttachments: publish } = conversation;
  const recordings = { clock, jitter, settle, createJobClient, publishAttachments: publish, ...files };
  const posting = {
    ...{ db, clock, providers, settle, ...failures, ...files },
    ...bindAll(conversation, { postToConversation }),
    ...bindAll(recordings, { postRecordings }),
  };
  return {
    ...bindAll(posting, { postMessage }),
    ...bindAll(parts, { receiveCall, addRecordings }),
    ...bindAll({ clock, settle, ...failures, ...files }, { fetchAttachments }),
  };
}

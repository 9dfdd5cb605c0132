import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { type BotResult, callBotApi } from './bot-api.ts';
import type { TelegramContext } from './config.ts';
import { classifyError } from './errors.ts';
import { readFilePath } from './responses.ts';

/**
 * Fetches a file of a contact: asks for its path, which holds for an hour, and downloads it. Both addresses hold the token, so neither is
 * ever in a message, a failure or a log. The id holds longer, so that a temporary failure can be retried.
 *
 * @param ref file id of the message
 */
export async function fetchTelegramFile(context: TelegramContext, ref: string): Promise<FetchedFile | FetchFailure> {
  const { config } = context.connection;
  const found = await callBotApi(context, { method: 'getFile', body: { file_id: ref } });
  if (found.kind !== 'ok') return toFetchFailure(found);
  const path = readFilePath(found.result);
  if (path === undefined) {
    return { kind: 'rejected', code: 'media_forbidden', reason: 'is on a Bot API server that does not pass files on' };
  }
  return context.fetchFile(`${config.baseUrl}/file/bot${config.token}/${encodeURI(path)}`);
}

function toFetchFailure(result: Exclude<BotResult, { kind: 'ok' }>): FetchFailure {
  const rule = result.kind === 'error' && result.error ? classifyError(result.error) : null;
  if (rule?.code === 'file_too_big') {
    return { kind: 'rejected', code: 'media_too_large', reason: 'is larger than 20 MB, the most that Telegram gives to bots' };
  }
  if (rule?.kind === 'final' || rule?.kind === 'file') {
    return { kind: 'rejected', code: 'media_expired', reason: 'is no longer available at Telegram' };
  }
  return { kind: 'unavailable', code: 'attachment_unreachable', reason: 'could not be fetched' };
}

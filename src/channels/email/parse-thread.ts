import { parentPort, workerData } from 'node:worker_threads';
import { parseContent } from './parse-content.ts';

// Started by parse-incoming-mail.ts with the bytes of one mail.
parentPort?.postMessage(await parseContent(workerData as Uint8Array));

import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Check, toCheck } from './check.ts';
import type { Environment } from './environment.ts';

const megabyte = 1024 * 1024;

/** Checks the disk of the folder for data: whether it takes files, and its free space. */
export async function checkDisk({ dataDir, minFreeBytes }: Pick<Environment, 'dataDir' | 'minFreeBytes'>): Promise<Check[]> {
  const name = 'disk';
  try {
    const folder = await findExisting(dataDir);
    await access(folder, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(folder);
    const values = {
      path: dataDir,
      free: String(Math.floor((bavail * bsize) / megabyte)),
      minimum: String(Math.ceil(minFreeBytes / megabyte)),
    };
    return [
      bavail * bsize < minFreeBytes
        ? toCheck(name, 'failed', 'disk_full', values, 'free_disk')
        : toCheck(name, 'ok', 'disk_good', values),
    ];
  } catch (error) {
    return [toCheck(name, 'failed', 'disk_failed', { path: dataDir, message: (error as Error).message }, 'data_dir')];
  }
}

/** Finds the folder, or the nearest one above in which it will be created. */
async function findExisting(folder: string): Promise<string> {
  try {
    await access(folder);
    return folder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error;
    return findExisting(dirname(folder));
  }
}

/** Checks the bucket for files, where one is set. */
export async function checkBucket({ tryBucket }: Pick<Environment, 'tryBucket'>): Promise<Check[]> {
  if (!tryBucket) return [toCheck('bucket', 'ok', 'bucket_none')];
  try {
    await tryBucket();
    return [toCheck('bucket', 'ok', 'bucket_good')];
  } catch (error) {
    return [toCheck('bucket', 'failed', 'bucket_failed', { message: (error as Error).message }, 'set_bucket')];
  }
}

/** Checks the mail server for alerts, where one is set. No mail is sent. */
export async function checkMail({ verifyMail }: Pick<Environment, 'verifyMail'>): Promise<Check[]> {
  if (!verifyMail) return [toCheck('mail', 'ok', 'mail_none')];
  try {
    await verifyMail();
    return [toCheck('mail', 'ok', 'mail_good')];
  } catch (error) {
    return [toCheck('mail', 'failed', 'mail_failed', { message: (error as Error).message }, 'set_mail')];
  }
}

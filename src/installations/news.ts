import type { Executor } from '../database/client.ts';
import { type Installation, type InstallationKey, keyOf, noTokens } from './store.ts';

/**
 * Something that somebody said of an installation: a token answer, an app event, a row of a listing, a visit. What has no value says
 * nothing.
 */
export interface News {
  readonly key: InstallationKey;
  readonly companyId?: string | null | undefined;
  /** It was installed at this moment. */
  readonly presentAt?: Date | undefined;
  /** It was not installed any more at this moment. */
  readonly goneAt?: Date | undefined;
  readonly name?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly isBulk?: boolean | undefined;
  readonly toFutureLocations?: boolean | null | undefined;
  readonly whiteLabelDomain?: string | null | undefined;
  /** Worth another look even though nothing changes: something suggests that trouble is over. */
  readonly isHint?: boolean | undefined;
}

/** Whether it is installed, as far as is known: the newest word counts, however late it comes. Of two at once, the cautious one does. */
export function isPresent({ presentAt, goneAt }: Pick<Installation, 'presentAt' | 'goneAt'>): boolean {
  return presentAt !== null && (goneAt === null || presentAt > goneAt);
}

/**
 * What an installation becomes by news. Only newest moments are kept and compared, so news may come in any order, twice, or late, and
 * all orders end the same.
 */
export function afterNews(row: Installation, news: News, now: Date) {
  const moments = { presentAt: newest(row.presentAt, news.presentAt), goneAt: newest(row.goneAt, news.goneAt) };
  const isBack = isPresent(moments) && (row.status === 'uninstalled' || row.presentAt === null);
  const isGone = moments.goneAt !== null && !isPresent(moments) && row.status !== 'uninstalled';
  const companyId = news.companyId ?? row.companyId;
  const isNew = isBack || isGone || companyId !== row.companyId;
  const isTrouble = row.status !== 'active' && row.status !== 'uninstalled';
  return {
    ...moments,
    ...(isBack && row.status === 'uninstalled' ? { ...noTokens, leaveReason: null } : {}),
    ...(isBack ? { status: 'pending' as const, installedAt: moments.presentAt } : {}),
    ...(isGone ? { status: 'uninstalled' as const } : {}),
    ...(isBack || isGone ? { statusReason: null } : {}),
    companyId,
    name: news.name ?? row.name,
    userId: news.userId ?? row.userId,
    isBulk: news.isBulk ?? row.isBulk,
    toFutureLocations: news.toFutureLocations ?? row.toFutureLocations,
    whiteLabelDomains: withDomain(row.whiteLabelDomains, news.whiteLabelDomain),
    tries: isNew ? 0 : row.tries,
    dueAt: isNew || news.isHint || (isTrouble && news.presentAt) ? now : row.dueAt,
  };
}

/** Keeps news, in the caller's transaction. @returns the installation as it is now */
export async function learn(tx: Executor, news: News, now: Date): Promise<Installation> {
  const { kind, resourceId } = keyOf(news.key);
  await tx.installation.createMany({
    data: { kind, resourceId, status: 'pending', dueAt: now, updatedAt: now },
    skipDuplicates: true,
  });
  await tx.$queryRaw`
    SELECT 1 FROM installations WHERE kind = ${kind}::installation_kind AND resource_id = ${resourceId} FOR UPDATE`;
  const where = { kind_resourceId: { kind, resourceId } };
  const row = await tx.installation.findUniqueOrThrow({ where });
  return tx.installation.update({ where, data: { ...afterNews(row, news, now), updatedAt: now } });
}

/** A company that is gone is gone from all of its locations (platform.md 5.6). */
export async function learnGoneWithCompany(tx: Executor, companyId: string, goneAt: Date, now: Date): Promise<void> {
  // One order for everybody who locks many.
  const locations = await tx.installation.findMany({
    where: { kind: 'location', companyId, OR: [{ goneAt: null }, { goneAt: { lt: goneAt } }] },
    select: { kind: true, resourceId: true },
    orderBy: { resourceId: 'asc' },
  });
  for (const key of locations) await learn(tx, { key, goneAt }, now);
}

function newest(known: Date | null, said: Date | undefined): Date | null {
  return said && (!known || said > known) ? said : known;
}

const domainName = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
const domainsAtMost = 5;

/** It becomes part of a header, so it must be a name and nothing else. @returns the very same list when there is nothing to add */
export function withDomain(known: string[], said: string | null | undefined): string[] {
  const name = said
    ?.trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .split(/[/:]/, 1)[0];
  if (!name || !domainName.test(name) || known.includes(name)) return known;
  // The first to come are the agency's own: contexts of one user must not push them out.
  return known.length < domainsAtMost ? [...known, name] : known;
}

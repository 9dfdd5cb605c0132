import type { FailureClass } from './mail-report.ts';
import { parsePhrases } from './phrases.ts';

/** Causes with the phrases of mail servers that state them, in the order in which they count. */
export type PhraseTable = readonly (readonly [FailureClass, readonly string[]])[];

/**
 * Phrases with one meaning. A reputation that blocks comes before the quota that it may name, a full mailbox before the address that is
 * rejected for it, and a malformed header before the header's name.
 */
export const clearPhrases: PhraseTable = [
  [
    'blocked',
    parsePhrases(`
      relay quota, daily … quota, sending limit, sending quota, rate limit, ratelimit, throttl, too fast, too many connections, too many concurrent
      unexpected volume, user complaints, unusual rate, unusual volume, connection rate, message rate, blacklist, black list, blocklist, block list
      blocked using, dnsbl, rbl , spamhaus, sorbs, spamcop, barracudacentral, reputation, reverse dns, ptr , ptr., rdns, client host rejected
      blocked for abuse, due to abuse, banned sending, banned ip, sending ip, unverifyable, unwanted messages, ip … blocked, ip … banned, ip … listed
      client … blocked, client … listed, host … blocked, host … listed, network … blocked, bl , dynamic ip, dialup, dial up, temporarily deferred, ip frequency, frequency limit
      listed by, blocked ip, adresse ip … bloqu, ip name lookup, ip name possibly, cannot find your hostname, cannot find your reverse, no reverse
      uceprotect, invaluement, abuseat, senderscore, on our block, in our block, connections not accepted
    `),
  ],
  [
    'mailbox_full',
    parsePhrases(`
      mailbox … full, mail box … full, inbox … full, mailfolder … full, folder … full, account … full, storage … full, over quota, overquota, disk quota
      quota exceed, quota … exceeded, quota is full, quota full, exceed … quota, exceed … storage, exceed … mailbox, mailbox … exceed, mailbox … quota
      out of storage, account … quota, user … quota, storage … exceed, insufficient disk space, mailbox … size limit, mailbox … too large
      full mailbox, enough storage, enough space, space not enough, not enough room, too many messages
      quota violation, quota … violat, quota reached, quota limit, mailbox limit, storage limit
      boite … pleine, boîte … pleine, quota … dépassé, postfach … voll, buzón … lleno, buzon … lleno, casella … piena, caixa … cheia, ящик … переполнен
      speicherplatz, postfach … überfüllt, zuviele mails, zu viele mails, postfach … ausgeschöpft, buzón … llen, buzon … llen, cuota … exced, cuota … super
      boîte … saturée, boite … saturee, espace … insuffisant, spazio … esaurito, spazio … insufficiente, quota … superat, caixa … lotada, cota … exced
      postvak … vol, mailbox … vol , inkorgen … full, postkassen … fuld, postboksen … full, skrzynka … pełna, schránka … plná, kutusu … dolu, kota … aş
      ящик … заполнен, квота … превыш, 容量, 満杯, 邮箱已满, 郵箱已滿, 空间不足, 用户空间, 용량
    `),
  ],
  [
    'content',
    parsePhrases(`
      header error, headers too, header too, duplicate header, invalid header, missing header, header … missing, header … invalid, rfc 5322, rfc5322
      rfc 2822, rfc2822, line too long, lines too long, bare lf, message too large, message … too large, message too big, message size, size limit
      size … exceed, exceed … size, exceeds the maximum, spam classification, classified as spam, detected as spam, flagged as spam
      considered spam, identified as spam, marked as spam, scored as spam, rejected as spam, looks like spam, mail with attachments, without to 
    `),
  ],
  [
    'policy',
    parsePhrases(`
      dmarc, spf, dkim, sender id, authentication check, authentication fail, authentication information, authentication required, authrequired
      unauthenticated, not authenticated, relay … denied, relaying … denied, relaying … prohibited, relaying not, no relaying, unable to relay, not … relay
      relay access, allowed to send, permitted to send, authorized to send, send as, sender address, sender … rejected, sender … denied, sender … refused
      sender domain, domain of sender, sender … verif, invalid sender, bad sender, name was rejected, helo command, invalid helo, bad helo, starttls command first
      tls required, encryption required, recipient preferences, not accepting mail from, remote domains not, valid from, invalid from, from domain, from … domain is invalid, too many recipients
    `),
  ],
  [
    'content',
    parsePhrases(`
      spam, unsolicited, bulk email, bulk mail, ube , virus, malware, worm, phish, infected, message content, content … rejected, content … denied
      content … blocked, prohibited content, attachment … not, attachment … block, banned … attachment, illegal attachment, objectionable
    `),
  ],
  [
    'invalid_recipient',
    parsePhrases(`
      user unknown, unknown user, user … unknown, no such user, unknown recipient, recipient unknown, user not found, user … not found
      recipient not found, recipnotfound, mailbox not found, mailbox … not found, mailbox unavailable, no such recipient, no such address
      no such account, no such mailbox, no such person, no mailbox, no mail box, does not exist, doesn t exist, not exist, user doesn t have
      unknown e mail, unknown email, invalid recipient, recipient … invalid, invalid mailbox, invalid address, address … not valid, invalid user, bad address
      bad destination mailbox, unknown address, address … unknown, unknown mailbox, unknown account, unknown local, unrout, unknown or illegal
      unknown or invalid, not a valid, not a known, not listed in, not our customer, not our user, no longer, no account, no valid recipient
      user not known, not known to, bad recipient, not active, not an active, deactivated, not unique, find a gateway, not have … delivery point
      not recognized, not known at, invalid final delivery, has moved
      account … disabled, account … inactive, account … suspended, account … locked, account … blocked, account … closed, account … expired
      account … deactivated, account … frozen, account … terminated, account … deleted, account … discontinued, mailbox … frozen, mailbox … disabled, mailbox … inactive, mailbox … suspended, mailbox … locked, mailbox … deactivated
      disabled recipient, disabled account, inactive user, inactive account, user … disabled, user … inactive, user … suspended, user … locked
      recipient … disabled, recipient … suspended, recipient … inactive
      host unknown, unknown host, no such domain, no such host, domain … not found, host not found, host … not found, find any host, unknown domain
      domain does not, nxdomain, null mx, nullmx, no mx record, no mx found, no smtp service, mx records point to non existent, no mx or, no relevant, not accept mail, doesn t receive email
      couldn t be found, could not be found, address not found, name or service not known
      existiert nicht, nicht bekannt, nicht vorhanden, nicht existent, n existe pas, n existe plus, introuvable, inexistant, non recensé, non esiste
      inesistente, non trovato, inexistente, no encontrad, no fue encontrad, ha expirado, no se encontr, desconhecid, não encontrad, não foi encontrad
      bestaat niet, onbekend, niet gevonden, finnes ikke, findes ikke, finns inte, okänd, ukjent, ukendt, nie istnieje, nieznany, neexistuje, neznám
      bulunamadı, mevcut değil, nem létezik, ismeretlen, ei löydy, ei ole olemassa, tuntematon, 找不到, 无此, 無此, 존재하지 않, 찾을 수 없, あて先が見つ
      destinataire … bloque, destinataire inval, adresse inval, inconnu, unbekannt, nicht gefunden, desconocido, sconosciuto, não existe, no existe
      不存在, 存在しません, 見つかりません, あて先不明, не существует, не найден, нет такого
    `),
  ],
];

/** Phrases that say less than a specific status code does. */
export const vaguePhrases: PhraseTable = [
  [
    'policy',
    parsePhrases(`
      policy, policies, denied, not permitted, not allowed, forbidden, prohibited, preferences, restrict, security reasons, filter
      not authorized, unauthorized, requires confirmation
    `),
  ],
  [
    'network',
    parsePhrases(`
      failed … attempts, aborted after, timed out, time out, timeout, connection refused, no route, unreachable, not reachable, unable to connect, could not connect, couldn t connect
      smtp connection, requests to connect, expired, retry time, queue too long, been in the queue, loop, hop count, too many hops, connection reset
      lost connection, connection … lost, connection … closed, connection … dropped, connection … failed, connection … timed, connection … broken
      dns, name service, name server, network, for the last, unable to contact, greylist, graylist, host … down, server … down, not responding
      no response, not respond, socket error, connect to, been failing for a long time, points to local host, points back, not accepting connections
    `),
  ],
  [
    'other',
    parsePhrases(`
      mailer error, mail system error, system error, internal error, local error, software error, temporary fail, temporary error
      service unavailable, service refused, try again later, upstream error
    `),
  ],
  [
    'invalid_recipient',
    parsePhrases('recipient address rejected, recipient rejected, rejected recipient, address rejected, invalid domain'),
  ],
];

import type { FailureClass } from './mail-report.ts';

/**
 * Phrases of mail servers by the cause they state, in the order in which they count: a text about a full mailbox often also says that the
 * address was rejected. Phrases as `phrases.ts` defines them.
 */
export const clearPhrases: readonly (readonly [FailureClass, readonly string[]])[] = [
  [
    'blocked',
    [
      'relay quota', 'daily … quota', 'sending limit', 'sending quota', 'rate limit', 'ratelimit', 'throttl', 'too fast', 'too many connections',
      'too many concurrent', 'unexpected volume', 'user complaints', 'unusual rate', 'unusual volume', 'blacklist', 'black list', 'blocklist', 'block list',
      'blocked using', 'dnsbl', 'rbl ', 'spamhaus', 'sorbs', 'spamcop', 'barracudacentral', 'reputation', 'reverse dns', 'ptr ', 'ptr.', 'rdns',
      'client host rejected', 'blocked for abuse', 'banned sending', 'sending ip', 'unverifyable', 'unwanted messages', 'ip … blocked', 'client … blocked',
      'host … blocked', 'network … blocked', 'ip … listed', 'host … listed', 'client … listed', 'due to abuse', ' bl ', 'dynamic ip', 'dialup',
    ],
  ],
  [
    'mailbox_full',
    [
      'mailbox … full', 'mail box … full', 'inbox … full', 'mailfolder … full', 'account … full', 'storage … full', 'over quota', 'overquota', 'disk quota',
      'quota exceed', 'quota … exceeded', 'quota is full', 'quota full', 'exceed … quota', 'exceed … storage', 'exceed … mailbox', 'mailbox … exceed',
      'out of storage', 'mailbox … quota', 'account … quota', 'user … quota', 'storage … exceed', 'insufficient disk space', 'too many messages … mailbox',
      'boite … pleine', 'boîte … pleine', 'postfach … voll', 'buzón … lleno', 'buzon … lleno', 'casella … piena', 'caixa … cheia',
      '容量', '満杯', '邮箱已满', 'ящик … переполнен',
    ],
  ],
  [
    'policy',
    [
      'dmarc', 'spf', 'dkim', 'sender id', 'authentication check', 'authentication fail', 'authentication information', 'authentication required',
      'authrequired', 'unauthenticated', 'not authenticated', 'relay … denied', 'relaying … denied', 'relaying … prohibited', 'relaying not', 'no relaying',
      'unable to relay', 'not … relay', 'allowed to send', 'permitted to send', 'send as', 'sender address', 'sender … rejected', 'sender … denied',
      'sender … refused', 'sender domain', 'domain of sender', 'sender … verif', 'invalid sender', 'bad sender', 'name was rejected', 'helo', 'ehlo',
      'starttls', 'tls required', 'encryption required', 'recipient preferences', 'too many recipients',
    ],
  ],
  [
    'content',
    [
      'spam', 'unsolicited', 'bulk email', 'bulk mail', 'ube ', 'virus', 'malware', 'phish', 'infected', 'message content', 'content … rejected', 'content … denied',
      'header error', 'headers too', 'header too', 'duplicate header', 'invalid header', 'missing header', 'header … missing', 'too large', 'too big',
      'message size', 'size limit', 'size … exceed', 'exceed … size', 'rfc 5322', 'rfc5322', 'rfc 2822', 'rfc2822', 'rfc 822', 'line too long',
      'attachment … not', 'attachment … block', 'banned … attachment', 'objectionable',
    ],
  ],
  [
    'invalid_recipient',
    [
      'user unknown', 'unknown user', 'user … unknown', 'no such user', 'unknown recipient', 'recipient unknown', 'user not found', 'user … not found', 'recipient not found',
      'recipnotfound', 'mailbox not found', 'mailbox unavailable', 'no such recipient', 'no such address', 'no such account', 'no such mailbox', 'no such person',
      'no mailbox', 'does not exist', 'doesn t exist', 'not exist', 'user doesn t have', 'invalid recipient', 'recipient … invalid', 'invalid mailbox',
      'invalid address', 'invalid user', 'bad address', 'bad destination mailbox', 'unknown address', 'address … unknown', 'unknown mailbox', 'unknown account', 'unknown local', 'unrout',
      'unknown or illegal', 'not a valid', 'not a known', 'not listed in', 'not our customer', 'no longer', 'no account', 'no valid recipient', 'not recognized', 'not known at',
      'account … disabled', 'account … inactive', 'account … suspended', 'account … locked', 'account … blocked', 'account … closed', 'account … expired',
      'mailbox … disabled', 'mailbox … inactive', 'mailbox … suspended', 'disabled recipient', 'disabled account', 'user … disabled', 'user … inactive', 'user … suspended', 'user … locked',
      'recipient … disabled', 'recipient … suspended', 'host unknown', 'unknown host', 'no such domain', 'no such host', 'domain … not found', 'host not found', 'host … not found', 'find any host', 'unknown domain',
      'nxdomain', 'null mx', 'no mx record', 'no relevant answers', 'not accept mail', 'doesn t receive email', 'couldn t be found', 'could not be found', 'address not found',
      'invalid final delivery', 'name or service not known', 'has moved', 'destinataire … bloque', 'destinataire inval', 'inconnu', 'unbekannt', 'desconocido', 'sconosciuto', 'não existe',
      '存在しません', '見つかりません', 'あて先不明', '不存在', 'не существует', 'не найден', 'нет такого',
    ],
  ],
];

/** Phrases that say less than a specific status code does. */
export const vaguePhrases: readonly (readonly [FailureClass, readonly string[]])[] = [
  [
    'policy',
    [
      'policy', 'policies', 'access denied', 'denied', 'not permitted', 'not allowed', 'forbidden', 'prohibited', 'preferences', 'restrict', 'security', 'filter',
      'not authorized', 'unauthorized',
    ],
  ],
  [
    'network',
    [
      'timed out', 'time out', 'timeout', 'connection refused', 'no route', 'unreachable', 'not reachable', 'unable to connect', 'could not connect', 'couldn t connect',
      'smtp connection', 'requests to connect', 'expired', 'retry time', 'queue too long', 'been in the queue', 'loop', 'hop count', 'too many hops', 'connection reset', 'lost connection',
      'connection … lost', 'connection … closed', 'connection … dropped', 'connection … failed', 'connection … timed', 'connection … broken', 'dns', 'name service', 'name server', 'network', 'for the last', 'unable to contact',
      'couldn t be delivered for', 'greylist', 'graylist', 'host … down', 'server … down', 'not accepting connections',
    ],
  ],
  ['invalid_recipient', ['recipient … rejected', 'rejected recipient', 'address rejected', 'address … rejected', 'rejected … address', 'invalid domain']],
];

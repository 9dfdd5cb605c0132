import { type LineHandler, startLineServer } from './line-server.ts';
import { isAccepted, isPassword, type MailboxState, type StoredMail } from './state.ts';

const capabilities = 'IMAP4rev1 IDLE ID AUTH=PLAIN AUTH=XOAUTH2 SASL-IR';
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Where the server departs from its usual responses. */
export interface ImapBehaviour {
  /** Returns the response to a command, such as `NO [UNAVAILABLE] Try later`; null to end the connection, undefined for the usual one. */
  respond?(command: string): string | null | undefined;
  /** Returns true for an access token that signs in. */
  acceptsToken?(token: string): boolean;
}

/** Starts the IMAP server of the mailbox: it has one folder, is read only, and reports new mails at once. */
export async function startImapServer(port: number, state: MailboxState, behaviour: ImapBehaviour = {}) {
  const sessions = new Set<{ notify(): void }>();
  const server = await startLineServer(port, (say, end) => {
    const session = createSession(state, behaviour, (text) => say(`${text}\r\n`), end);
    sessions.add(session);
    say(`* OK [CAPABILITY ${capabilities}] Ready\r\n`);
    return { ...session, close: () => void sessions.delete(session) };
  });
  return {
    ...server,
    /** Reports new mails to the programs that wait for them. */
    notify() {
      for (const session of sessions) session.notify();
    },
  };
}

function createSession(
  state: MailboxState,
  behaviour: ImapBehaviour,
  say: (text: string) => void,
  end: () => void,
): LineHandler & { notify(): void } {
  let isSignedIn = false;
  let isSelected = false;
  let signInTag: string | null = null;
  let idleTag: string | null = null;
  let reportedCount = 0;

  function reportNews() {
    if (!isSelected || reportedCount === state.mails.length) return;
    reportedCount = state.mails.length;
    say(`* ${reportedCount} EXISTS`);
  }

  function finish(tag: string, words: string) {
    reportNews();
    say(`${tag} OK ${words}`);
  }

  function signIn(tag: string, isRight: boolean) {
    signInTag = null;
    isSignedIn = isRight;
    if (isRight) say(`${tag} OK [CAPABILITY ${capabilities}] Logged in`);
    else say(`${tag} NO [AUTHENTICATIONFAILED] Authentication failed.`);
  }

  function select(tag: string, verb: string, name: string) {
    if (name.toUpperCase() !== 'INBOX') return say(`${tag} NO [NONEXISTENT] Mailbox doesn't exist: ${name}`);
    isSelected = true;
    reportedCount = state.mails.length;
    say('* FLAGS (\\Seen)');
    say('* OK [PERMANENTFLAGS ()] Read-only mailbox.');
    say(`* ${reportedCount} EXISTS`);
    say('* 0 RECENT');
    say(`* OK [UIDVALIDITY ${state.uidValidity}] UIDs valid`);
    say(`* OK [UIDNEXT ${state.nextUid}] Predicted next UID`);
    say(`${tag} OK [READ-ONLY] ${verb} completed.`);
  }

  function search(tag: string, criteria: string) {
    const test = createTest(state, criteria);
    if (!test) return say(`${tag} BAD Unknown search criteria`);
    const found = state.mails.filter(test).map(({ uid }) => uid);
    say(`* SEARCH${found.map((uid) => ` ${uid}`).join('')}`);
    finish(tag, 'Search completed.');
  }

  function fetch(tag: string, parameter: string, isByUid: boolean) {
    const [range = '', ...items] = parameter.split(' ');
    const wanted = items.join(' ').toUpperCase();
    const last = isByUid ? (state.mails.at(-1)?.uid ?? 0) : state.mails.length;
    for (const [index, mail] of state.mails.entries()) {
      if (isInRange(range, isByUid ? mail.uid : index + 1, last)) say(`* ${index + 1} FETCH (${renderItems(mail, wanted)})`);
    }
    finish(tag, 'Fetch completed.');
  }

  function runSelected(tag: string, verb: string, parameter: string) {
    switch (verb) {
      case 'UID SEARCH':
        return search(tag, parameter);
      case 'UID FETCH':
        return fetch(tag, parameter, true);
      case 'FETCH':
        return fetch(tag, parameter, false);
      case 'IDLE':
        idleTag = tag;
        say('+ idling');
        // What came since the last command.
        return reportNews();
      case 'CLOSE':
      case 'UNSELECT':
        isSelected = false;
        return say(`${tag} OK Closed.`);
      default:
        return say(`${tag} BAD Error in IMAP command`);
    }
  }

  function runSignedIn(tag: string, verb: string, parameter: string) {
    switch (verb) {
      case 'LIST':
      case 'LSUB':
        if (/^"" (?:""|)$/.test(parameter)) say(`* ${verb} (\\Noselect) "/" ""`);
        else if (/^"" "?(?:\*|%|inbox)"?$/i.test(parameter)) say(`* ${verb} (\\HasNoChildren) "/" INBOX`);
        return finish(tag, 'List completed.');
      case 'SELECT':
      case 'EXAMINE':
        return select(tag, verb, parameter.replaceAll('"', ''));
      case 'STATUS':
        say(`* STATUS INBOX (MESSAGES ${state.mails.length} UIDNEXT ${state.nextUid} UIDVALIDITY ${state.uidValidity})`);
        return finish(tag, 'Status completed.');
      default:
        return isSelected ? runSelected(tag, verb, parameter) : say(`${tag} BAD No mailbox selected`);
    }
  }

  return {
    readLine(line) {
      if (idleTag !== null) {
        const tag = idleTag;
        idleTag = null;
        return say(line.toUpperCase() === 'DONE' ? `${tag} OK Idle completed.` : `${tag} BAD Expected DONE`);
      }
      if (signInTag !== null) return signIn(signInTag, isAccepted(state, line));
      const { tag, verb, parameter } = parseCommand(line);
      const response = behaviour.respond?.(`${verb} ${parameter}`);
      if (response === null) return end();
      if (response !== undefined) return say(`${tag} ${response}`);
      switch (verb.toUpperCase()) {
        case 'CAPABILITY':
          say(`* CAPABILITY ${capabilities}`);
          return finish(tag, 'Capability completed.');
        case 'ID':
          say('* ID ("name" "Sandbox")');
          return finish(tag, 'ID completed.');
        case 'NOOP':
          return finish(tag, 'NOOP completed.');
        case 'LOGOUT':
          say('* BYE Logging out');
          say(`${tag} OK Logout completed.`);
          return end();
        case 'LOGIN': {
          const [user, password] = parameter.split(' ').map((word) => word.replace(/^"|"$/g, ''));
          return signIn(tag, isPassword(state.account, user, password));
        }
        case 'AUTHENTICATE': {
          const [mechanism, plain] = parameter.split(' ');
          if (mechanism?.toUpperCase() === 'XOAUTH2') return signIn(tag, isAcceptedToken(behaviour, plain ?? ''));
          if (mechanism?.toUpperCase() !== 'PLAIN') return say(`${tag} NO Unsupported authentication mechanism.`);
          if (plain) return signIn(tag, isAccepted(state, plain));
          signInTag = tag;
          return say('+ ');
        }
        default:
          return isSignedIn ? runSignedIn(tag, verb.toUpperCase(), parameter) : say(`${tag} BAD Log in first`);
      }
    },
    notify() {
      if (idleTag !== null) reportNews();
    },
  };
}

/** Checks a sign-in with the base64 of a user name and an access token (developers.google.com/workspace/gmail/imap/xoauth2-protocol). */
function isAcceptedToken({ acceptsToken }: ImapBehaviour, credentials: string): boolean {
  const [, bearer = ''] = Buffer.from(credentials, 'base64').toString('utf8').split('\u0001');
  return acceptsToken?.(bearer.replace(/^auth=Bearer /, '')) ?? false;
}

function isInRange(range: string, number: number, last: number): boolean {
  return range.split(',').some((part) => {
    const [from = 0, to = from] = part.split(':').map((one) => (one === '*' ? last : Number(one)));
    return number >= Math.min(from, to) && number <= Math.max(from, to);
  });
}

function createTest(state: MailboxState, criteria: string): ((mail: StoredMail) => boolean) | null {
  const last = state.mails.at(-1)?.uid ?? 0;
  const [name = '', first = '', second = ''] = criteria.split(' ');
  switch (name.toUpperCase()) {
    case 'ALL':
      return () => true;
    case 'UID':
      return ({ uid }) => isInRange(first, uid, last);
    case 'SINCE':
      return ({ at }) => at >= Date.parse(`${first.replaceAll('-', ' ')} UTC`);
    case 'HEADER':
      return (mail) => readHeader(mail, first).includes(second.replaceAll('"', ''));
    default:
      return null;
  }
}

function toBytes({ raw }: StoredMail): string {
  return Buffer.from(raw, 'base64').toString('latin1');
}

function readHeader(mail: StoredMail, name: string): string {
  const lines = (toBytes(mail).split('\r\n\r\n', 1)[0] ?? '').split('\r\n');
  return lines.find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)) ?? '';
}

function renderItems(mail: StoredMail, wanted: string): string {
  const bytes = toBytes(mail);
  const items = [`UID ${mail.uid}`];
  if (wanted.includes('RFC822.SIZE')) items.push(`RFC822.SIZE ${bytes.length}`);
  if (wanted.includes('INTERNALDATE')) items.push(`INTERNALDATE "${toInternalDate(mail.at)}"`);
  if (wanted.includes('FLAGS')) items.push('FLAGS ()');
  const part = /BODY(?:\.PEEK)?\[(HEADER)?\]/.exec(wanted);
  if (part) {
    const shown = part[1] ? `${bytes.split('\r\n\r\n', 1)[0]}\r\n\r\n` : bytes;
    items.push(`BODY[${part[1] ?? ''}] {${shown.length}}\r\n${shown}`);
  }
  return items.join(' ');
}

function toInternalDate(at: number): string {
  const [date, time] = new Date(at).toISOString().split('T') as [string, string];
  const [year, month, day] = date.split('-');
  return `${day}-${months[Number(month) - 1]}-${year} ${time.slice(0, 8)} +0000`;
}

/** Splits a command into its tag, its verb (two words after UID) and the rest. */
function parseCommand(line: string): { tag: string; verb: string; parameter: string } {
  const [tag = '*', ...words] = line.split(' ');
  const verbWords = words[0]?.toUpperCase() === 'UID' ? 2 : 1;
  return { tag, verb: words.slice(0, verbWords).join(' '), parameter: words.slice(verbWords).join(' ') };
}

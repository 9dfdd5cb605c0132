const entities: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', copy: '©', reg: '®', trade: '™', hellip: '…', euro: '€' },
  ...{ ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', bull: '•', middot: '·' },
  ...{
    zwnj: '',
    shy: '',
    aacute: 'á',
    eacute: 'é',
    iacute: 'í',
    oacute: 'ó',
    uacute: 'ú',
    ntilde: 'ñ',
    iquest: '¿',
    iexcl: '¡',
  },
};

/** Elements whose content is no text for a reader. */
const hidden = new Set(['script', 'style', 'title', 'template', 'noscript']);
/** Elements that begin on a line of their own. */
const blocks = new Set(
  'address article aside blockquote dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table tr ul'.split(
    ' ',
  ),
);
const paragraphs = new Set('blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul'.split(' '));

/** A line break before, and an empty line before, as the words that follow begin. */
const lineBreak = '\n';
const paragraphBreak = '\n\n';

/**
 * Makes the text part of an email from its HTML: spam filters expect one, and some people read nothing else. Links keep their address,
 * pictures their description. Walks over the text once; regular expressions over HTML were rejected, as some take quadratic time.
 */
export function toPlainText(html: string): string {
  const parts: string[] = [];
  let link: Link | undefined;
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    const textEnd = open < 0 ? html.length : open;
    parts.push(decodeEntities(html.slice(at, textEnd)).replace(/[ \t\r\n\f]+/g, ' '));
    if (open < 0) break;
    if (!/[A-Za-z/!?]/.test(html[open + 1] ?? '')) {
      parts.push('<');
      at = open + 1;
      continue;
    }
    const tag = readTag(html, open);
    at = tag.end;
    if (hidden.has(tag.name)) {
      if (!tag.isEnd) at = findHiddenEnd(html, tag);
    } else if (tag.name === 'a') {
      if (tag.isEnd) parts.push(toLinkAddress(link, parts));
      link = tag.isEnd ? undefined : { href: readAttribute(tag.attributes, 'href'), start: parts.length };
    } else if (tag.name === 'img') parts.push(readAttribute(tag.attributes, 'alt'));
    else if (tag.name === 'br') parts.push(lineBreak);
    else if (tag.name === 'td' || tag.name === 'th') parts.push(' ');
    else if (paragraphs.has(tag.name)) parts.push(paragraphBreak);
    else if (tag.name === 'li') parts.push(tag.isEnd ? '' : `${lineBreak}- `);
    else if (blocks.has(tag.name)) parts.push(lineBreak);
  }
  return joinLines(parts.join(''));
}

interface Tag {
  /** In small letters; empty for comments and declarations. */
  readonly name: string;
  readonly isEnd: boolean;
  readonly attributes: string;
  /** Index behind it. */
  readonly end: number;
}

function readTag(html: string, open: number): Tag {
  if (html.startsWith('<!--', open)) {
    const close = html.indexOf('-->', open + 4);
    return { name: '', isEnd: false, attributes: '', end: close < 0 ? html.length : close + 3 };
  }
  const close = html.indexOf('>', open);
  const end = close < 0 ? html.length : close + 1;
  const inside = html.slice(open + 1, close < 0 ? html.length : close);
  const [, slash = '', name = ''] = /^(\/?)([A-Za-z][A-Za-z0-9]*)/.exec(inside) ?? [];
  return { name: name.toLowerCase(), isEnd: slash !== '', attributes: inside.slice(slash.length + name.length), end };
}

/** Returns the index behind the end tag of an element whose content is hidden. As in a browser, one that is never closed hides the rest. */
function findHiddenEnd(html: string, { name, end }: Tag): number {
  for (let close = html.indexOf('</', end); close >= 0; close = html.indexOf('</', close + 2)) {
    if (html.slice(close + 2, close + 2 + name.length).toLowerCase() !== name) continue;
    const tagEnd = html.indexOf('>', close);
    return tagEnd < 0 ? html.length : tagEnd + 1;
  }
  return html.length;
}

const maxAttributeChars = 4_000;

function readAttribute(attributes: string, name: string): string {
  const text = attributes.slice(0, maxAttributeChars);
  const found = new RegExp(`(?:^|\\s)${name}\\s?=\\s?(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(text);
  return decodeEntities(found?.[1] ?? found?.[2] ?? found?.[3] ?? '').trim();
}

/** A link that is open. Links can't stand inside of each other. */
interface Link {
  readonly href: string;
  /** Index of the first part of its text. */
  readonly start: number;
}

/** Returns the address of a link, where its text does not name it already. */
function toLinkAddress(link: Link | undefined, parts: readonly string[]): string {
  if (!link || !/^(?:https?|mailto):/i.test(link.href)) return '';
  const shown = parts.slice(link.start).join('').trim();
  const address = link.href.replace(/^mailto:/i, '');
  if (shown === '') return address;
  return shown === address || shown === link.href ? '' : ` (${address})`;
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? entities[name.toLowerCase()] ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '';
  });
}

/** Trims each line and keeps at most one empty line between two. */
function joinLines(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/ +/g, ' ').trim());
  const kept = lines.filter((line, index) => line !== '' || (index > 0 && lines[index - 1] !== ''));
  return kept.join('\n').trim();
}

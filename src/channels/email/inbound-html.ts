import sanitizeHtml from 'sanitize-html';

const maxHtmlChars = 1_000_000;
/** The parser searches all open elements at each tag: 80,000 unclosed ones take it two seconds. Long threads of Outlook have a few thousand. */
const maxTags = 20_000;

const escapeText = (text: string) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/**
 * Makes the HTML of an email safe for a page: no scripts, forms, styles that load, or addresses of other kinds. An image that came inside of the email
 * becomes its name: the image itself is among the files.
 *
 * @returns null for HTML of too many tags
 */
export function makeHtmlSafe(html: string): string | null {
  const shown = html.slice(0, maxHtmlChars);
  if (shown.split('<', maxTags + 2).length > maxTags + 1) return null;
  return sanitizeHtml(shown, {
    allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img', 'center', 'font', 'del', 'ins'],
    allowedAttributes: {
      a: ['href', 'title'],
      img: ['src', 'alt', 'width', 'height'],
      font: ['color', 'size', 'face'],
      '*': ['align', 'dir', 'lang', 'style', 'colspan', 'rowspan', 'width', 'height', 'cellpadding', 'cellspacing', 'border'],
    },
    allowedSchemes: ['https', 'http', 'mailto', 'tel'],
    allowProtocolRelative: false,
    allowedStyles: {
      '*': {
        color: [/^[#a-z0-9(),.\s%]{1,40}$/i],
        'background-color': [/^[#a-z0-9(),.\s%]{1,40}$/i],
        'font-size': [/^[a-z0-9.%\s-]{1,20}$/i],
        'font-weight': [/^[a-z0-9]{1,10}$/i],
        'font-style': [/^[a-z]{1,10}$/i],
        'text-align': [/^[a-z]{1,10}$/i],
        'text-decoration': [/^[a-z-\s]{1,30}$/i],
      },
    },
    transformTags: {
      img: (_name, attributes): sanitizeHtml.Tag => {
        if (!/^\s*(?:cid|data):/i.test(attributes.src ?? '')) return { tagName: 'img', attribs: attributes };
        return { tagName: 'em', attribs: {}, text: escapeText(attributes.alt ?? 'image') };
      },
    },
    nestingLimit: 100,
  });
}

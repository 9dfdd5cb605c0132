/** A metric that an expression reads, with the labels by which it selects. */
export interface Selector {
  metric: string;
  matchers: { label: string; value: string }[];
}

const words = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'and',
  'or',
  'unless',
  'group_left',
  'group_right',
  'bool',
  'offset',
]);

/**
 * Reads the selectors of a PromQL expression, and the labels by which it groups.
 * Knows as much of the language as the rules and the dashboard use, and throws for a text between quotes or braces that does not end.
 */
export function readExpression(expression: string): { selectors: Selector[]; groupedBy: string[] } {
  if (count(expression, '(') !== count(expression, ')')) throw new Error(`Unbalanced parentheses: ${expression}`);
  const selectors: Selector[] = [];
  const withoutRanges = expression.replaceAll(/\[[^\]]*\]/g, ' ');
  const groupedBy = [...withoutRanges.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap((match) =>
    (match[1] ?? '').split(',').map((label) => label.trim()),
  );
  const rest = withoutRanges
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ')
    .replaceAll(/([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g, (_, metric: string, matchers: string) => {
      selectors.push({ metric, matchers: readMatchers(matchers) });
      return ' ';
    });
  if (/["{}[\]]/.test(rest)) throw new Error(`Not understood: ${rest}`);
  for (const [name, followedBy] of [...rest.matchAll(/[a-zA-Z_:][\w:]*(\s*\()?/g)].map(
    (match) => [match[0], match[1]] as const,
  )) {
    if (followedBy === undefined && !words.has(name)) selectors.push({ metric: name, matchers: [] });
  }
  return { selectors, groupedBy };
}

function readMatchers(text: string): Selector['matchers'] {
  const matchers = [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)];
  if (matchers.length === 0) throw new Error(`No matchers: ${text}`);
  return matchers.map((match) => ({ label: match[1] ?? '', value: match[2] ?? '' }));
}

function count(text: string, letter: string): number {
  return text.split(letter).length;
}

/** Values that a channel knows for what a person has typed, such as the servers of a mail host. The form offers them. */
export interface ConfigSuggestions {
  /** Path of the field that a person fills in first. */
  readonly field: string;
  readonly options: readonly ConfigSuggestion[];
}

export interface ConfigSuggestion {
  /** Name for people. */
  readonly title: string;
  /** Ends of what is typed that choose it, in small letters: `@gmail.com`. */
  readonly endings: readonly string[];
  /** Inputs of the form, by the path of the field. */
  readonly values: Readonly<Record<string, string>>;
  /** What the person still has to do. `code` names its translation. */
  readonly hint: { readonly code: string; readonly message: string };
}

/** Finds the suggestion for what a person has typed: an address, or a name and the address in angle brackets. */
export function findSuggestion({ options }: ConfigSuggestions, typed: string): ConfigSuggestion | null {
  const text = typed.trim().replace(/>$/, '').toLowerCase();
  return options.find(({ endings }) => endings.some((ending) => text.endsWith(ending))) ?? null;
}

/**
 * Completes typed values with a suggestion: each group of fields in which one is empty. A group that is filled in is the person's.
 *
 * @param isAsked replaces them all
 */
export function applySuggestion(
  { values }: ConfigSuggestion,
  typed: Readonly<Record<string, unknown>>,
  isAsked: boolean,
): Record<string, string> {
  const toGroup = (path: string) => path.slice(0, path.lastIndexOf('.') + 1);
  const isEmpty = (path: string) => String(typed[path] ?? '').trim() === '';
  const incomplete = new Set(Object.keys(values).filter(isEmpty).map(toGroup));
  return Object.fromEntries(Object.entries(values).filter(([path]) => isAsked || incomplete.has(toGroup(path))));
}

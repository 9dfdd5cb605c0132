import type { Channel } from '../../../channels/channel.ts';
import { applySuggestion, type ConfigSuggestion, findSuggestion } from '../../../channels/suggestions.ts';
import type { Text } from '../framework/texts.ts';

/** Inputs of the form in which a person asks for suggestions. */
export const suggestionInputs = { choice: 'suggestion', ask: 'suggest' } as const;

/** Returns a channel's suggestions for the form, with the words of their hints. @returns null for a channel without any */
export function toSuggestionView(text: Text, { type, suggestions }: Channel) {
  if (!suggestions) return null;
  const keyPrefix = `channels.types.${type}.suggestions`;
  return {
    field: suggestions.field,
    label: toWords(text, keyPrefix, 'label'),
    byInput: toWords(text, keyPrefix, 'byInput'),
    fill: toWords(text, keyPrefix, 'fill'),
    unknown: toWords(text, keyPrefix, 'unknown'),
    options: suggestions.options.map(({ title, endings, values, hint }) => ({
      ...{ title, endings, values },
      hint: toHint(text, keyPrefix, { title, hint }),
    })),
  };
}

/** Finds what a person has chosen, else what fits the typed value. */
function findChosen({ suggestions }: Channel, typed: Readonly<Record<string, unknown>>): ConfigSuggestion | null {
  if (!suggestions) return null;
  const title = typed[suggestionInputs.choice];
  const chosen = suggestions.options.find((option) => option.title === title);
  return chosen ?? findSuggestion(suggestions, String(typed[suggestions.field] ?? ''));
}

/** Completes the submitted inputs of a form: where a person asks for it with what is suggested, else with what is missing. */
export function suggestValues(channel: Channel, typed: Readonly<Record<string, unknown>>): Record<string, string> {
  const found = findChosen(channel, typed);
  return found ? applySuggestion(found, typed, typed[suggestionInputs.ask] === 'yes') : {};
}

/** Returns the hint of what was found, or the words for an unknown value. */
export function toSuggestionHint(text: Text, channel: Channel, typed: Readonly<Record<string, unknown>>): string {
  const keyPrefix = `channels.types.${channel.type}.suggestions`;
  const found = findChosen(channel, typed);
  return found ? toHint(text, keyPrefix, found) : toWords(text, keyPrefix, 'unknown');
}

/** Returns the channel's own words, else those of every channel. */
function toWords(text: Text, keyPrefix: string, name: string): string {
  const own = `${keyPrefix}.${name}`;
  return text(text.has(own) ? own : `channels.form.suggestions.${name}`);
}

function toHint(text: Text, keyPrefix: string, { title, hint }: Pick<ConfigSuggestion, 'title' | 'hint'>): string {
  const key = `${keyPrefix}.hints.${hint.code}`;
  return text.has(key) ? text(key, { title }) : hint.message;
}

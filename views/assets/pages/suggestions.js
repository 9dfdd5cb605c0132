/** Fills in what a channel suggests for a typed value, such as the servers of a mail host. Without this script a button does. */
export function enhanceSuggestions() {
  document.addEventListener('input', ({ target }) => {
    const form = target.form;
    const box = form?.querySelector('[data-suggestions]');
    if (!box) return;
    if (target.name === box.dataset.suggestionOf) suggest(form, box, find(box, target.value), !('fresh' in box.dataset));
    else if (target.name !== 'suggestion') target.dataset.touched = '';
  });
  document.addEventListener('change', ({ target }) => {
    const box = target.form?.querySelector('[data-suggestions]');
    if (!box) return;
    const typed = target.form.elements[box.dataset.suggestionOf];
    if (target.name === 'suggestion') {
      const chosen = options(box).find(({ title }) => title === target.value) ?? find(box, typed.value);
      suggest(target.form, box, chosen, false, true);
    }
    if (target === typed && !find(box, typed.value) && /@[^@\s]+\.[^@\s]+$/.test(typed.value)) show(box, box.dataset.unknown);
  });
}

const options = (box) => JSON.parse(box.dataset.suggestions);

function find(box, typed) {
  const text = typed.trim().replace(/>$/, '').toLowerCase();
  return options(box).find(({ endings }) => endings.some((ending) => text.endsWith(ending)));
}

function suggest(form, box, found, isHintOnly, replaces = false) {
  if (!found) return;
  for (const [name, value] of isHintOnly ? [] : Object.entries(found.values)) {
    const input = form.elements[name];
    if (input && (replaces || !('touched' in input.dataset))) input.value = value;
  }
  show(box, found.hint);
}

function show(box, words) {
  const hint = box.querySelector('[role="status"]');
  if (hint.textContent !== words) hint.textContent = words;
}

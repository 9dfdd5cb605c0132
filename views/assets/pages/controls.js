import { enhanceSegments } from './segments.js';
import { enhanceSuggestions } from './suggestions.js';

/** Handles the buttons and selects that work the same in both shells. */
export function enhanceControls() {
  enhanceSegments();
  enhanceSuggestions();
  document.addEventListener('click', ({ target }) => {
    if (target.closest('[data-reload]')) location.reload();
    const opener = target.closest('[data-opens]');
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    const copied = target.closest('[data-copy]');
    if (copied) copy(copied);
  });

  document.addEventListener('change', ({ target }) => {
    if (target.matches('form[data-filter] select')) target.form.requestSubmit();
    if (target.matches('[data-reads-into]')) readInto(target);
  });

  // In the capture phase, before the form's fields are read.
  document.addEventListener(
    'submit',
    ({ target }) => {
      for (const zone of target.querySelectorAll('[data-zone-of]')) fillZone(target, zone);
    },
    { capture: true },
  );
}

/** Fills the field beside a file's input with the text of the file, which is then sent as any other field. */
async function readInto(input) {
  const [file] = input.files;
  input.setCustomValidity(file && file.size > Number(input.dataset.maxBytes) ? input.dataset.tooLarge : '');
  if (!file || !input.reportValidity()) return;
  document.getElementById(input.dataset.readsInto).value = await file.text();
}

/** Fills in the viewer's time zone with a chosen day, as the times on the page are in that zone. */
function fillZone(form, zone) {
  zone.value = form.elements[zone.dataset.zoneOf].value && Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Copies the button's source, or selects it where the frame may not use the clipboard. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    if (button.dataset.done) button.textContent = button.dataset.done;
  } catch {
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
  }
}

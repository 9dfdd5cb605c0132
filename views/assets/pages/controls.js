/** Buttons and choices that work the same in every frame. */
export function enhanceControls() {
  document.addEventListener('click', ({ target }) => {
    if (target.closest('[data-reload]')) location.reload();
    const opener = target.closest('[data-opens]');
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    const copied = target.closest('[data-copy]');
    if (copied) copy(copied);
  });

  document.addEventListener('change', ({ target }) => {
    if (target.matches('form[data-filter] select')) target.form.requestSubmit();
  });

  // Before whoever sends the form looks at its fields.
  document.addEventListener(
    'submit',
    ({ target }) => {
      for (const zone of target.querySelectorAll('[data-zone-of]')) fillZone(target, zone);
    },
    { capture: true },
  );
}

/** A day that somebody chooses is a day of their own zone, as the times on the page are. */
function fillZone(form, zone) {
  zone.value = form.elements[zone.dataset.zoneOf].value && Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Copies what the button says, or, where a frame may not, selects it for the viewer to copy. */
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

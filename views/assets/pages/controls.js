/** Handles the buttons and selects that work the same in both shells. */
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

  // In the capture phase, before the form's fields are read.
  document.addEventListener(
    'submit',
    ({ target }) => {
      for (const zone of target.querySelectorAll('[data-zone-of]')) fillZone(target, zone);
    },
    { capture: true },
  );
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

/** Forms of pages: `data-action` is submitted and its response shown; `data-filter` becomes the address of a page. */
import { enhanceControls } from './controls.js';
import { here, saveFile, sendForm, showHere } from './router.js';

export function enhanceForms() {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.hasAttribute('data-action')) {
      event.preventDefault();
      const button = event.submitter;
      if (button?.getAttribute('aria-busy') === 'true') return;
      button?.setAttribute('aria-busy', 'true');
      sendForm(form, button).finally(() => button?.removeAttribute('aria-busy'));
    }
    if (form.hasAttribute('data-filter')) {
      event.preventDefault();
      const given = [...new FormData(form, event.submitter)].filter(([, value]) => value !== '');
      const query = new URLSearchParams(given).toString();
      location.hash = `#/${here().split('?')[0]}${query && `?${query}`}`;
    }
  });

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-download]');
    if (!link) return;
    event.preventDefault();
    if (link.getAttribute('aria-busy') === 'true') return;
    link.setAttribute('aria-busy', 'true');
    saveFile(link).finally(() => link.removeAttribute('aria-busy'));
  });

  enhanceControls();

  document.querySelector('[data-skip]')?.addEventListener('click', (event) => {
    event.preventDefault();
    const main = document.getElementById('main');
    main.tabIndex = -1;
    main.focus();
  });

  addEventListener('hashchange', showHere);
}

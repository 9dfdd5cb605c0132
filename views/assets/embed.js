/** The page inside the CRM: learns who looks, and shows the page that the address names. */

import { enhanceForms } from './pages/forms.js';
import { showTrouble } from './pages/fragments.js';
import { showHere } from './pages/router.js';
import { signIn, Trouble } from './pages/session.js';

enhanceForms();
try {
  await signIn();
  await showHere();
} catch (error) {
  showTrouble(error instanceof Trouble ? error.code : 'internal');
  document.getElementById('main').removeAttribute('aria-busy');
}

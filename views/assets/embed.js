/** The page inside the CRM: learns who looks, and shows the page that the address names. */

import { enhanceForms } from './pages/forms.js';
import { showProblem } from './pages/fragments.js';
import { showHere } from './pages/router.js';
import { PageError, signIn } from './pages/session.js';

enhanceForms();
try {
  await signIn();
  await showHere();
} catch (error) {
  showProblem(error instanceof PageError ? error.code : 'internal');
  document.getElementById('main').removeAttribute('aria-busy');
}

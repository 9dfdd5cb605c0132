/** The embedded page in the CRM: identifies the viewer and shows the page of the current address. */

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

/** What full pages need of a script: times in the viewer's zone. */
import { showTimes } from './pages/times.js';

showTimes(document);

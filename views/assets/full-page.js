/** The script of full pages: shows times in the viewer's zone. */
import { showTimes } from './pages/times.js';

showTimes(document);

import { removeTemplate } from './databases.ts';

export default removeTemplate;

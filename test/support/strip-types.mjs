// Tests run as the program does: Node's own type stripping, which leaves every line and column where it was.
import { stripTypeScriptTypes } from 'node:module';

export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
};

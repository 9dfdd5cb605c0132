import { SettingsError } from '../config/settings.ts';

/**
 * Runs a command of the operator and prints why it failed, for a person.
 *
 * @param failure what has not happened then
 * @param run returns the exit code; undefined for success
 */
export async function runCommand(failure: string, run: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await run()) ?? 0;
  } catch (error) {
    const problems = error instanceof SettingsError ? error.problems.map((problem) => `\n  - ${problem}`).join('') : '';
    console.error(`${failure}: ${(error as Error).message}${problems}`);
    process.exitCode = 1;
  }
}

/** Parameters of a function after its first, its dependencies. */
export type ArgumentsOf<F> = F extends (deps: never, ...args: infer Args) => unknown ? Args : never;

/** Binds the functions of a capability to their dependencies. @returns the same functions without their first parameter */
export function bindAll<Deps, Functions extends Record<string, (deps: Deps, ...args: never[]) => unknown>>(
  deps: Deps,
  functions: Functions,
): { [Name in keyof Functions]: (...args: ArgumentsOf<Functions[Name]>) => ReturnType<Functions[Name]> } {
  const entries = Object.entries(functions).map(([name, run]) => [name, (...args: never[]) => run(deps, ...args)]);
  return Object.fromEntries(entries);
}

/** Fails if a value is another one. */
export function check<T>(value: T, expected: T): void {
  if (value !== expected) {
    throw new Error(`${JSON.stringify(value)} is not ${JSON.stringify(expected)}`);
  }
}

/** Where the service is: the program's argument. */
export const address = (globalThis as unknown as { process: { argv: string[] } }).process.argv[2];

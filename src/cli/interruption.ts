/**
 * How a command that goes on learns that it is to end.
 *
 * @module
 */

/** Resolves when the command is to end. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve()
      })
    }
  })
}

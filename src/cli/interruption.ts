/**
 * How a command that goes on learns that it is to end.
 *
 * @module
 */

/** The signals by which a terminal or a service manager ends a command. */
export const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Resolves when the command is to end. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of INTERRUPTIONS) {
      process.once(signal, () => {
        resolve()
      })
    }
  })
}

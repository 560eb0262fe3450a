/**
 * Waits for a word of shared memory to change without blocking the event loop.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import { LOCK_SLICE_MS } from '../core/layout.js'

/**
 * Waits for a notification of a word without blocking the thread, for `milliseconds` at most. Does not wait if the word is
 * not `value`. Resolves to false if the time ran out.
 */
export async function changed(
  words: Int32Array,
  position: number,
  value: number,
  milliseconds = LOCK_SLICE_MS,
): Promise<boolean> {
  const waiting = Atomics.waitAsync(words, position, value, milliseconds)
  if (!waiting.async) return true
  let timer: NodeJS.Timeout | undefined
  // The timer of `Atomics.waitAsync` does not keep the process running, but one of Node does.
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const called = waiting.value.then((why) => why !== 'timed-out')
  return Promise.race([called, late]).finally(() => {
    clearTimeout(timer)
  })
}

/**
 * Waiting for a word of shared memory to change, for threads that have an event loop to go on with.
 *
 * @module
 */
import { LOCK_SLICE_MS } from './layout.js'

/** Waits until the word is not `value`, for about a slice, without blocking the thread. False if the time was over. */
export async function changed(words: Int32Array, position: number, value: number): Promise<boolean> {
  const waiting = Atomics.waitAsync(words, position, value, LOCK_SLICE_MS)
  if (!waiting.async) return true
  let timer: NodeJS.Timeout | undefined
  // A timer of Node's own, as V8's does not keep the process running.
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, LOCK_SLICE_MS, false)
  })
  const called = waiting.value.then((why) => why !== 'timed-out')
  return Promise.race([called, late]).finally(() => {
    clearTimeout(timer)
  })
}

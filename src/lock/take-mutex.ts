/**
 * Takes a mutex that shows by its owner whether a thread lives: for structures whose threads hold one as long as they do something.
 *
 * @module
 */
import { Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { backend } from '../runtime/backend.js'

const { mutexTryLock } = backend.operations

/** Takes a mutex if nobody has it, or if its owner has ended. Returns whether it did. */
export function takeMutex(handle: Handle): boolean {
  let status = mutexTryLock(handle)
  // Nobody tells that an owner's process was killed, or that a portable thread was terminated. A wait looks; this one is over at once.
  if (status === Status.busy) status = backend.mutexWait(handle, 0)
  return status === Status.ok || status === Status.ownerDied
}

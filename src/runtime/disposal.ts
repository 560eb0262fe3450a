/**
 * Keeps track of the handles that objects have open in the backend, and closes them.
 *
 * @module
 */
import { backend } from './backend.js'
import { disposedError } from '../core/errors.js'
import type { Handle } from '../core/operations.js'

/** An object that a backend has opened, with its handle. */
interface Open {
  readonly handle: Handle
}

const owned = new WeakMap<object, Open[]>()
/** The owners and opened objects that were closed. A field of each owner would cost a load and a check in every operation. */
const disposed = new WeakSet<object>()

/** Notes that `owner` has `opened` open, so that {@link dispose} closes it. Returns `opened`. */
export function own<Opened extends Open>(owner: object, opened: Opened): Opened {
  const all = owned.get(owner)
  if (all === undefined) owned.set(owner, [opened])
  else all.push(opened)
  return opened
}

/** Closes everything that `owner` has open. Does nothing the second time. */
export function dispose(owner: object): void {
  disposed.add(owner)
  for (const opened of owned.get(owner) ?? []) {
    disposed.add(opened)
    backend.close(opened.handle)
  }
  owned.delete(owner)
}

/** Whether {@link dispose} has closed an owner, or something that it had open. */
export function isDisposed(object: object): boolean {
  return disposed.has(object)
}

/**
 * Throws if an object was closed. For operations whose results do not show that.
 *
 * @param object - an owner, or something that it had open.
 * @throws Error after {@link dispose}.
 */
export function checkOpen(object: object): void {
  if (isDisposed(object)) throw disposedError()
}

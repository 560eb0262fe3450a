/**
 * Closes the handles of the portable backend.
 *
 * @module
 */
import { disposedError } from '../core/errors.js'
import { keepHeld } from './mutex.js'

const refuse = {
  get(): never {
    throw disposedError()
  },
}

/** Closes a handle of the portable backend, which is an object: every later use of it throws an Error. */
export function closeHandle(handle: object): void {
  keepHeld(handle)
  for (const key of Object.keys(handle)) Object.defineProperty(handle, key, refuse)
}

/**
 * The mutexes of a map's segments.
 *
 * @module
 */
import type { OpenMutex } from '../core/contract.js'
import { disposedError } from '../core/errors.js'
import { LOCK_SLICE_MS, Status } from '../core/layout.js'
import { LongWait, holderOf } from '../lock/long-wait.js'
import { takeMutex } from '../lock/take-mutex.js'
import { backend } from '../runtime/backend.js'
import { isDisposed, own } from '../runtime/disposal.js'
import { openMutex } from '../runtime/region.js'
import { byteOffset } from '../core/map-layout.js'
import { corrupt } from './value.js'

const { mutexTryLock, mutexUnlock } = backend.operations
/** A constant of this module: see counters.ts. */
const OK = Status.ok

/**
 * Opens each mutex when it is first needed, as most threads only read; but one at once: a portable thread that opens a mutex
 * watches the Workers that it starts from then on, so that others know when they end.
 */
export class MapMutexes {
  readonly #owner: object
  readonly #buffer: SharedArrayBuffer
  /** By their positions. */
  readonly #opened = new Map<number, OpenMutex>()

  /**
   * @param owner - the object whose disposal closes the mutexes.
   * @param first - the position of one of them.
   */
  constructor(owner: object, buffer: SharedArrayBuffer, first: number) {
    this.#owner = owner
    this.#buffer = buffer
    this.#open(first)
  }

  #at(position: number): OpenMutex {
    const opened = this.#opened.get(position)
    return opened ?? this.#open(position)
  }

  #open(position: number): OpenMutex {
    if (isDisposed(this.#owner)) throw disposedError()
    const mutex = own(this.#owner, openMutex(this.#buffer, byteOffset(position)))
    this.#opened.set(position, mutex)
    return mutex
  }

  /**
   * Takes a mutex, and blocks until it is free.
   *
   * @returns whether its last owner ended while it had the mutex: what it protects may be half changed.
   */
  lock(position: number): boolean {
    const mutex = this.#at(position)
    const status = mutexTryLock(mutex.handle)
    return status === OK ? false : this.#wait(mutex, status)
  }

  #wait(mutex: OpenMutex, tried: Status): boolean {
    let status = tried
    const longWait = new LongWait('a write to a map')
    while (status === Status.busy) {
      status = backend.mutexWait(mutex.handle, LOCK_SLICE_MS)
      longWait.lookBlocked(() => holderOf(status, mutex.words))
    }
    if (status === OK) return false
    if (status === Status.ownerDied) return true
    if (status === Status.badHandle) throw disposedError()
    throw corrupt()
  }

  /** Takes a mutex if nobody has it who lives. Returns whether it did. */
  tryLock(position: number): boolean {
    return takeMutex(this.#at(position).handle)
  }

  unlock(position: number): void {
    mutexUnlock(this.#at(position).handle)
  }
}

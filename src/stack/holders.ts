import type { OpenRegion } from '../core/contract.js'
import { checkInteger } from '../core/errors.js'
import { Status } from '../core/layout.js'
import { backend } from '../runtime/backend.js'
import { checkOpen } from '../runtime/disposal.js'
import type { Shards } from '../runtime/shards.js'

const { stacks } = backend

const MAX_HOLDER = 2 ** 32 - 1

/**
 * Which process holds each block of a pool, or each node of a list. The classes check the numbers of blocks and nodes; memory of
 * one process answers without the backend, so the checks that the object is open are here.
 */
export class Holders {
  readonly #region: OpenRegion
  readonly #shards: Shards

  constructor(region: OpenRegion, shards: Shards) {
    this.#region = region
    this.#shards = shards
  }

  of(unit: number): number {
    checkOpen(this.#region)
    return this.#shards.counted(stacks.holder(this.#region.handle, unit))
  }

  adopt(unit: number, holder: number): boolean {
    checkOpen(this.#region)
    const answer = stacks.adopt(this.#region.handle, unit, checkInteger('holder', holder, 0, MAX_HOLDER))
    if (answer === -Status.notOwner) return false
    this.#shards.counted(answer)
    return true
  }

  reclaim(): number {
    checkOpen(this.#region)
    return this.#shards.counted(stacks.reclaim(this.#region.handle))
  }
}

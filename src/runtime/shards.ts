import type { OpenRegion } from '../core/contract.js'
import { backend } from './backend.js'
import { checkCpu, remoteError } from './remote-errors.js'

const { stacks } = backend

/** The shards of a stack, list or pool: their sizes, and the errors of operations on them. */
export class Shards {
  readonly #region: OpenRegion
  readonly #what: string

  /** @param what - names the structure in errors, such as "stack". */
  constructor(region: OpenRegion, what: string) {
    this.#region = region
    this.#what = what
  }

  /** Number of shards without the overflow shard; also the number of the overflow shard. */
  get count(): number {
    return this.#region.shards
  }

  /** @throws TypeError, RangeError if the CPU does not exist. */
  check(cpu: number): number {
    return checkCpu(cpu, this.count)
  }

  /** The number of the shard of `cpu`; if it is undefined, the numbers of all shards and of the overflow shard. */
  chosen(cpu: number | undefined): number[] {
    return cpu === undefined ? Array.from({ length: this.count + 1 }, (_, k) => k) : [this.check(cpu)]
  }

  /**
   * Returns the count that an operation has returned.
   *
   * @param shard - the number of the shard on which the operation acted, if it acted on one.
   * @throws Error, RegionCorruptError if `answer` is a negated status.
   */
  counted(answer: number, shard?: number): number {
    if (answer < 0) throw remoteError(answer, this.#what, shard === this.count ? undefined : shard)
    return answer
  }

  sizeOf(shard: number): number {
    return this.counted(stacks.size(this.#region.handle, shard), shard)
  }

  perCpu(): number[] {
    return Array.from({ length: this.count }, (_, cpu) => this.sizeOf(cpu))
  }

  get overflow(): number {
    return this.sizeOf(this.count)
  }

  /** The sum of the sizes of all shards, read one after the other. */
  get total(): number {
    return this.perCpu().reduce((sum, size) => sum + size, this.overflow)
  }
}

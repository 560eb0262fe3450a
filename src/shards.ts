import { type OpenRegion, backend } from './backend.js'
import { checkCpu, remoteError } from './remote-errors.js'

const { stacks } = backend

/** The shards of stacks, lists and pools: how much is in each, and the errors of what is done to them. */
export class Shards {
  readonly #region: OpenRegion
  readonly #what: string

  /** @param what - the structure, in errors. */
  constructor(region: OpenRegion, what: string) {
    this.#region = region
    this.#what = what
  }

  /** How many there are, without the overflow shard, whose number this is. */
  get count(): number {
    return this.#region.shards
  }

  /** @throws TypeError, RangeError if no CPU has that number. */
  check(cpu: number): number {
    return checkCpu(cpu, this.count)
  }

  /**
   * What an operation has answered.
   *
   * @param shard - that it was for, if it was for one.
   * @throws Error, RegionCorruptError that a number below 0 stands for.
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

  /** Of all of them, one after the other. */
  get total(): number {
    return this.perCpu().reduce((sum, size) => sum + size, this.overflow)
  }
}

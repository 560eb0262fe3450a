/**
 * Quantiles of the values that this thread observed, over all time or over a sliding window.
 *
 * A digest keeps up to {@link MOST} distinct values with their counts, and is exact until then. Beyond that it merges
 * neighbours, the fewer the nearer they are to the ends, so that the extreme quantiles stay exact. A quantile between two
 * kept values is interpolated between the middles of their ranks.
 *
 * @module
 */

const MOST = 1000

interface Group {
  mean: number
  count: number
}

/** Values, summed up in groups. */
export class Digest {
  #groups: Group[] = []
  /** Values that are not in the groups yet. */
  #recent: number[] = []
  #size = 0

  /** How many values were added. */
  get size(): number {
    return this.#size
  }

  add(value: number): void {
    this.#recent.push(value)
    this.#size++
    if (this.#recent.length >= MOST) this.#merge()
  }

  #merge(): void {
    if (this.#recent.length === 0) return
    const all = [...this.#groups, ...this.#recent.map((mean) => ({ mean, count: 1 }))]
    all.sort((a, b) => a.mean - b.mean)
    this.#recent = []
    const merged: Group[] = []
    for (const group of all) {
      const last = merged.at(-1)
      if (last?.mean === group.mean) last.count += group.count
      else merged.push({ ...group })
    }
    this.#groups = merged.length <= MOST ? merged : this.#compressed(merged)
  }

  /** Merges neighbours whose ranks are far from both ends. */
  #compressed(groups: readonly Group[]): Group[] {
    const kept: Group[] = []
    let rank = 0
    for (const group of groups) {
      const last = kept.at(-1)
      const quantile = rank / this.#size
      const room = (4 * this.#size * quantile * (1 - quantile)) / MOST
      if (last !== undefined && last.count + group.count <= room) {
        const count = last.count + group.count
        last.mean += ((group.mean - last.mean) * group.count) / count
        last.count = count
      } else {
        kept.push(group)
      }
      rank += group.count
    }
    return kept
  }

  /** Returns a quantile from 0 to 1; undefined if there are no values. O(kept values). */
  quantile(q: number): number | undefined {
    this.#merge()
    const wanted = this.#size * q
    let before: { mean: number; middle: number } | undefined
    let rank = 0
    for (const { mean, count } of this.#groups) {
      const middle = rank + count / 2
      if (wanted <= middle) {
        if (before === undefined) return mean
        return before.mean + ((wanted - before.middle) * (mean - before.mean)) / (middle - before.middle)
      }
      before = { mean, middle }
      rank += count
    }
    return before?.mean
  }
}

/** Digests of overlapping stretches of time; the oldest one answers. Without a window, one digest of all time. */
export class WindowQuantiles {
  readonly #turnMs: number
  #digests: Digest[]
  #oldest = 0
  #turnedAt = Date.now()

  /** @param maxAgeSeconds - the length of the window. @param ageBuckets - how many steps it moves in. */
  constructor(maxAgeSeconds: number | undefined, ageBuckets: number | undefined) {
    const isWindow =
      maxAgeSeconds !== undefined && ageBuckets !== undefined && maxAgeSeconds > 0 && ageBuckets > 0
    this.#digests = Array.from({ length: isWindow ? ageBuckets : 1 }, () => new Digest())
    this.#turnMs = isWindow ? (maxAgeSeconds * 1000) / ageBuckets : Infinity
  }

  #turn(): void {
    let age = Date.now() - this.#turnedAt
    // After a long pause all digests are old: no more turns than there are digests.
    for (let turns = 0; age > this.#turnMs && turns < this.#digests.length; turns++) {
      this.#digests[this.#oldest] = new Digest()
      this.#oldest = (this.#oldest + 1) % this.#digests.length
      this.#turnedAt += this.#turnMs
      age -= this.#turnMs
    }
    if (age > this.#turnMs) this.#turnedAt = Date.now()
  }

  get size(): number {
    this.#turn()
    return (this.#digests[this.#oldest] as Digest).size
  }

  add(value: number): void {
    this.#turn()
    for (const digest of this.#digests) digest.add(value)
  }

  quantile(q: number): number | undefined {
    this.#turn()
    return (this.#digests[this.#oldest] as Digest).quantile(q)
  }

  reset(): void {
    this.#digests = this.#digests.map(() => new Digest())
  }
}

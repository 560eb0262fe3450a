/** How many series' lines are one text. A change writes the text of its group anew; an exposition joins the groups. */
const GROUP = 16

/** The text of a metric, from one exposition to the next: only what has changed is written again. */
export class LineCache<Series extends object> {
  readonly #series: Series[] = []
  readonly #values: (number | undefined)[] = []
  readonly #fronts: string[] = []
  readonly #lines: string[] = []
  readonly #groups: string[] = []
  #head = ''
  #text = ''

  /**
   * Returns `head` and the lines of all series, in their order. O(series), and O(characters) if something has changed.
   *
   * @param valueOf - returns the value of a series; undefined for one that is not shown.
   * @param frontOf - returns what stands in front of the number, which never changes.
   * @param textOf - returns the text of a number.
   */
  write(
    head: string,
    all: readonly Series[],
    valueOf: (series: Series) => number | undefined,
    frontOf: (series: Series) => string,
    textOf: (value: number) => string,
  ): string {
    if (all.length < this.#series.length) {
      this.#series.length = this.#groups.length = 0
      this.#head = ''
    }
    let isSame = true
    let isWhole = head === this.#head
    for (let k = 0; k < all.length; k++) {
      const series = all[k] as Series
      const value = valueOf(series)
      if (series !== this.#series[k] || value !== this.#values[k]) {
        if (series !== this.#series[k]) this.#fronts[k] = frontOf(series)
        this.#series[k] = series
        this.#values[k] = value
        this.#lines[k] = value === undefined ? '' : (this.#fronts[k] as string) + textOf(value)
        isSame = false
      }
      if (isSame || (k % GROUP !== GROUP - 1 && k !== all.length - 1)) continue
      const group = Math.floor(k / GROUP)
      this.#groups[group] = this.#lines.slice(group * GROUP, k + 1).join('')
      isSame = true
      isWhole = false
    }
    if (isWhole) return this.#text
    this.#head = head
    return (this.#text = [head, ...this.#groups].join(''))
  }
}

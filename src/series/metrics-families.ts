/**
 * The metrics of `rseq/metrics` in the files of a service, as readers outside of its processes see them.
 *
 * @module
 */
import type { Family } from '../metrics/read.js'
import { sharedFamiliesOf } from '../metrics/families.js'
import { NO_DISTRIBUTION, SeenFamily, type SeenSeries } from './families.js'
import type { MetricsFileLook } from './metrics-file.js'
import { partOf } from './sums.js'

/** Families of the CPUs, that of the overflow shard last, with what all generations counted there. */
function familiesByShard(looks: readonly MetricsFileLook[]): Family[][] {
  const [newest, ...others] = looks
  const shards = Math.max(0, ...looks.map(({ byShard }) => byShard.length - 1))
  if (newest === undefined || newest.byShard.length === 0) return []
  return Array.from({ length: shards + 1 }, (_, shard) => {
    const opened = partOf(newest.byShard, shard, shards)
    const theirs = others
      .map(({ byShard }) => partOf(byShard, shard, shards))
      .filter((one) => one !== undefined)
    return opened === undefined ? [] : sharedFamiliesOf(opened, theirs)
  })
}

/**
 * Returns the metrics of one name.
 *
 * @param looks - all generations, the one that was made last first: its metrics are shown.
 */
export function familiesOfMetrics(looks: readonly MetricsFileLook[]): SeenFamily[] {
  const [newest, ...others] = looks
  if (newest === undefined) return []
  const byShard = familiesByShard(looks)
  return sharedFamiliesOf(
    newest.opened,
    others.map(({ opened }) => opened),
  ).map((family, k) =>
    seenFamily(
      family,
      byShard.map((all) => all[k]),
    ),
  )
}

function seenFamily(family: Family, parts: readonly (Family | undefined)[]): SeenFamily {
  const { kind } = family.spec
  const seen = (one: Family, series: number): Pick<SeenSeries, 'value' | 'distribution'> => {
    if (kind !== 'histogram') return { value: one.valueOf(series), distribution: NO_DISTRIBUTION }
    const distribution = one.distributionOf(series)
    return { value: distribution.count, distribution }
  }
  const all = [...family.shown()].map(({ series, labels }): SeenSeries => ({
    ...{ labels, ...seen(family, series) },
    // A gauge has a value for each process, and none for a CPU.
    shares: kind === 'gauge' ? [] : parts.map((part) => (part === undefined ? 0 : seen(part, series).value)),
  }))
  return new SeenFamily(family.spec, all)
}

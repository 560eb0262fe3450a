/**
 * What the commands say about an object of a service: a row for each content that an object may have.
 *
 * @module
 */
import type {
  HolderSnapshot,
  LockSnapshot,
  ObjectSnapshot,
  OwnerSnapshot,
  ProcessSnapshot,
  ServiceSnapshot,
} from '../inspect/index.js'
import { MAP_VIEW } from './map-view.js'
import { ageText, bytesText, counted, grouped, printable, totalText } from './text.js'

/** A label and a text. */
export type Fact = readonly [label: string, text: string]

/** How objects with one content are shown. */
interface ContentView<Of> {
  /** What the object holds, in a few words. */
  readonly describe: (object: Of) => string
  /** What it holds, for a reader who sees its total; `describe` by default. */
  readonly note?: (object: Of) => string
  /** What there is to say beside that. */
  readonly details?: (object: Of) => Fact[]
  /** Whether the total is a number of bytes. */
  readonly isInBytes?: boolean
}

/** An object with this content. */
type With<Content> = Extract<ObjectSnapshot, { content: Content }>

/** The most values that the details of an object show. */
const MOST_VALUES = 64

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}

/** Names the process of a slot; `living` says whether it lives. */
function slotText(slot: number, living: boolean | null): string {
  if (slot === 0) return 'nobody known'
  return `slot ${slot}${living === false ? ' (died)' : ''}`
}

function ownerText(owner: OwnerSnapshot): string {
  if (owner.thread === 0) return `nobody known (${owner.word})`
  const who = owner.slot === 0 ? 'a process without a slot' : slotText(owner.slot, owner.living)
  return `${who}, thread ${owner.thread}`
}

/** Who holds units that are not free; empty if nobody does, or if that is unknown. */
function holdersText(holders: readonly HolderSnapshot[] | null): string {
  const all = (holders ?? []).map(
    ({ slot, living, count }) => `${grouped(count)} by ${slotText(slot, living)}`,
  )
  return all.length === 0 ? '' : `; held: ${all.join(', ')}`
}

function holderFacts(holders: readonly HolderSnapshot[] | null, noun: string): Fact[] {
  if (holders === null) return [['held by', 'unknown: there are no notes of that']]
  return holders.map(({ slot, living, count }) => [
    'held by',
    `${slotText(slot, living)}: ${counted(count, noun)}`,
  ])
}

function lockText({ cpu, owner, ownerDied, isAwaited }: LockSnapshot): string {
  const who =
    owner === null ? (ownerDied ? 'free, its last owner died' : 'free') : `locked by ${ownerText(owner)}`
  const where = cpu === null ? '' : cpu === 'overflow' ? 'the overflow lock: ' : `CPU ${cpu}: `
  return `${where}${who}${isAwaited ? ', others wait' : ''}`
}

const LOCKS: ContentView<With<'mutex' | 'cpuLock'>> = {
  describe: ({ content, locks, total }) => {
    if (content === 'mutex') return locks[0] === undefined ? 'free' : lockText(locks[0])
    return locks.length === 0
      ? 'all free'
      : `${grouped(total ?? 0)} locked; ${locks.map(lockText).join('; ')}`
  },
  details: ({ locks }) => locks.map((lock) => ['lock', lockText(lock)]),
}

/** The row of each content. A content without a row does not compile. */
const CONTENT: { readonly [Content in ObjectSnapshot['content']]: ContentView<With<Content>> } = {
  counters: {
    describe: ({ length, total }) =>
      length === 1 ? `total ${totalText(total)}` : `${counted(length, 'counter')}, total ${totalText(total)}`,
    note: ({ length, element }) => (length === 1 ? element : `${counted(length, 'counter')}, ${element}`),
    details: ({ length, values }) =>
      length === 1
        ? []
        : values
            .slice(0, MOST_VALUES)
            .map((value, i) => [i === 0 ? 'counters' : '', `${i}: ${totalText(value)}`]),
  },
  histogram: {
    describe: ({ total, p50, p99, max }) =>
      `${counted(total ?? 0, 'value')}, p50 ${grouped(p50)}, p99 ${grouped(p99)}, max ${grouped(max)}`,
    note: ({ p50, p99, max }) => `p50 ${grouped(p50)}, p99 ${grouped(p99)}, max ${grouped(max)}`,
    details: ({ sum: all, min, p90, lowest, highest, digits }) => [
      ['sum', totalText(all)],
      ['min, p90', `${grouped(min)}, ${grouped(p90)}`],
      ['buckets', `${grouped(lowest)} to ${grouped(highest)}, ${counted(digits, 'digit')}`],
    ],
  },
  map: MAP_VIEW,
  ring: {
    isInBytes: true,
    describe: ({ policy, fill, dropped }) =>
      `${policy}, holds ${bytesText(sum(fill))}, ${grouped(dropped)} dropped`,
    details: ({ capacity, fill, reader }) => [
      ['capacity', `${bytesText(capacity)} a CPU`],
      ...fill.map((bytes, shard): Fact => {
        const where = shard === fill.length - 1 ? 'the overflow ring' : `CPU ${shard}`
        return [
          shard === 0 ? 'fill' : '',
          `${where}: ${bytesText(bytes)}, ${Math.round((100 * bytes) / capacity)} %`,
        ]
      }),
      ['reader', reader === null ? 'none' : ownerText(reader)],
    ],
  },
  stack: {
    describe: ({ total, capacity }) => `${counted(total ?? 0, 'value')}, room for ${grouped(capacity)} a CPU`,
  },
  list: {
    describe: ({ total, nodes, holders }) =>
      `${grouped(total ?? 0)} of ${counted(nodes, 'node')} on lists${holdersText(holders)}`,
    details: ({ holders }) => holderFacts(holders, 'node'),
  },
  pool: {
    describe: ({ total, blocks, holders }) =>
      `${grouped(total ?? 0)} of ${counted(blocks, 'block')} free${holdersText(holders)}`,
    details: ({ blockSize, taken, overflow, holders }) => [
      ['block size', bytesText(blockSize)],
      ['taken', grouped(taken)],
      ['in the central store', grouped(overflow)],
      ...holderFacts(holders, 'block'),
    ],
  },
  array: {
    describe: ({ length, element }) => `${counted(length, 'word')} a CPU, ${element}`,
    details: ({ words }) =>
      words.map((of, shard): Fact => {
        const where = shard === words.length - 1 ? 'overflow' : `CPU ${shard}`
        return [shard === 0 ? 'words' : '', `${where}: ${of.map(totalText).join('  ')}`]
      }),
  },
  mutex: LOCKS,
  cpuLock: LOCKS,
  metrics: {
    describe: ({ metrics, series }) => `${counted(metrics, 'metric')} with ${grouped(series)} series`,
  },
  metric: {
    describe: ({ help }) => printable(help),
    details: ({ sum: all }) => (all === null ? [] : [['sum', totalText(all)]]),
  },
  unknown: { describe: ({ problem }) => printable(problem) },
}

function viewOf(object: ObjectSnapshot): ContentView<ObjectSnapshot> {
  return CONTENT[object.content] as ContentView<ObjectSnapshot>
}

/** What an object holds, in a few words. */
export function describeObject(object: ObjectSnapshot): string {
  return viewOf(object).describe(object)
}

/** What an object holds, beside its total. */
export function noteOf(object: ObjectSnapshot): string {
  const { note, describe } = viewOf(object)
  return (note ?? describe)(object)
}

/** What there is to say about an object beside its name, its total and {@link describeObject}. */
export function detailsOf(object: ObjectSnapshot): Fact[] {
  return [
    ...(viewOf(object).details?.(object) ?? []),
    ['file', printable(object.file)],
    ['size', `${bytesText(object.bytes)}, ${bytesText(object.allocated)} allocated`],
    ['made', `${object.made}, ${ageText(object.made)} ago`],
  ]
}

/** Whether an object's total is a number of bytes. */
export function isInBytes(object: ObjectSnapshot): boolean {
  return viewOf(object).isInBytes === true
}

/** How many processes of a service live; null if this machine does not tell. */
export function livingCount({ processes }: ServiceSnapshot): number | null {
  if (processes.some(({ living }) => living === null)) return null
  return processes.filter(({ living }) => living).length
}

/** Whether a process lives, in a word. */
export function lifeText({ living }: ProcessSnapshot): string {
  return living === null ? 'unknown' : living ? 'lives' : 'ended'
}

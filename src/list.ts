import { backend } from './backend.js'
import { checkChoice, checkInteger, checkObject, typeError } from './errors.js'
import {
  type Arena,
  INDEXES,
  type IndexName,
  Kind,
  LIST_LENGTH,
  MAX_UNITS,
  MAX_UNIT_SIZE,
  Status,
} from './layout.js'
import type { Handle } from './operations.js'
import { OwnedList } from './owned-list.js'
import { whileStopped } from './owned-stack.js'
import { AdoptedBuffer, OverBuffer, createRegion, openRegion } from './region.js'
import { remoteError } from './remote-errors.js'
import { Shards } from './shards.js'
import { UnitViews } from './unit-views.js'

/** Options of a new {@link PerCpuList}. */
export interface ListOptions {
  /** How many nodes there are: 1 to 2**28. */
  nodes: number
  /** Bytes of each node's payload: 1 to 2**30. Payloads begin at multiples of 64 bytes within the memory. */
  payloadSize: number
  /** What numbers the lists: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { listPush, listTryPush, listPop, listTryPop } = backend.operations
const { stacks } = backend

/** A constant of this module: see counters.ts. */
const OK = Status.ok

/** For the operations on one node. */
const one = new Float64Array(1)

function newLists(options: unknown): SharedArrayBuffer {
  const given = checkObject('options', options, 'an object such as { nodes: 100, payloadSize: 64 }')
  const { nodes, payloadSize, index } = given as ListOptions
  const arena: Arena = {
    units: checkInteger('nodes', nodes, 1, MAX_UNITS),
    unitSize: checkInteger('payloadSize', payloadSize, 1, MAX_UNIT_SIZE),
    isChecked: false,
  }
  const indexedBy = checkChoice('index', index, INDEXES)
  return createRegion(Kind.list, LIST_LENGTH, 'i64', indexedBy, backend.possibleCpus, { arena })
}

/**
 * A list for each CPU, last in first out, over a fixed set of nodes that worker threads share. Each node has a payload, some
 * bytes of shared memory, and is on one list at most: what is on a list may be as large as it likes, and is never copied.
 *
 * {@link push} and {@link pop} are one restartable sequence each, on the list of the CPU that runs the thread: no ABA problem, and no
 * tags against it. A new list is empty: whoever makes it pushes the nodes, or hands them out. Whoever has popped a node has it
 * alone, until it pushes it again; nobody notices if a node is pushed twice, and then the lists hold wrong nodes.
 *
 * A thread that is terminated takes with it the nodes that it has popped. It takes 8 + payloadSize (rounded up to 64)
 * bytes for each node, and 128 for each possible CPU.
 *
 * @example
 * ```ts
 * const jobs = new PerCpuList({ nodes: 1000, payloadSize: 256 })
 * jobs.payload(7).set([1, 2, 3])
 * jobs.push(7)
 * jobs.pop() // 7, on the same CPU
 * ```
 */
export class PerCpuList extends OverBuffer {
  readonly #region = openRegion(this.buffer, Kind.list)
  readonly #handle: Handle = this.#region.handle
  readonly #shards = new Shards(this.#region, 'list')
  readonly #views = new UnitViews(this.buffer, this.#region, 'node')
  /** How many nodes there are. */
  readonly nodes = this.#region.arena.units
  /** Bytes of a node's payload. */
  readonly payloadSize = this.#region.arena.unitSize

  /**
   * Empty lists.
   *
   * @throws TypeError, RangeError for an option that does not exist, and for more memory than there is.
   */
  constructor(options: ListOptions) {
    const given: unknown = options
    super(given instanceof AdoptedBuffer ? given.buffer : newLists(given))
  }

  /**
   * Opens the lists that another thread made.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuList {
    return new PerCpuList(new AdoptedBuffer(buffer) as unknown as ListOptions)
  }

  /** What numbers the lists: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Pushes a node on this CPU's list; there always is room. O(1). Where sections cannot serve (another thread has stopped
   * the CPU, or this one has no rseq), it goes on the overflow list, behind a lock.
   *
   * @param node - one that is on no list: 0 to {@link nodes} - 1.
   * @throws TypeError, RangeError if there is no such node.
   * @throws RegionCorruptError if something has written over the memory.
   */
  push(node: number): void {
    if (typeof node !== 'number' || node >>> 0 !== node || node >= this.nodes) this.#checkNode(node)
    if (listTryPush(this.#handle, node) !== OK) this.#pushAnyhow(node)
  }

  /** Pushes what one attempt did not, or says why not. */
  #pushAnyhow(node: number): void {
    const status = listPush(this.#handle, node)
    if (status !== OK) throw remoteError(-status, 'list')
  }

  /**
   * Takes the node that was pushed last on this CPU; where it has none, one from the overflow list. -1 if there is neither,
   * whatever other CPUs have. O(1). Who pops a node sees what its pusher had stored in the payload.
   *
   * @throws RegionCorruptError if something has written over the memory.
   */
  pop(): number {
    const node = listTryPop(this.#handle)
    return node >= 0 ? node : this.#popAnyhow()
  }

  /** Pops what one attempt did not, or says why not. */
  #popAnyhow(): number {
    const answer = listPop(this.#handle)
    return answer === -Status.empty ? -1 : this.#shards.counted(answer)
  }

  /**
   * The bytes of a node's payload, the same object each time: no garbage. Use them while the node is yours.
   *
   * @throws TypeError, RangeError if there is no such node.
   */
  payload(node: number): Uint8Array {
    return this.#views.of(node)
  }

  /** How many nodes are on the lists. O(nodes), and the CPUs that have some are stopped, one after the other. */
  get size(): number {
    return this.#shards.total
  }

  /** How many nodes each CPU's list has. One element for every possible CPU, or concurrency id. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** How many nodes are on the overflow list. */
  get overflow(): number {
    return this.#shards.overflow
  }

  /** Pushes a node on the list of a CPU, as {@link onCpu} would. */
  pushTo(cpu: number, node: number): void {
    const shard = this.#shards.check(cpu)
    one[0] = this.#checkNode(node)
    this.#shards.counted(stacks.give(this.#handle, shard, one, 1, false), shard)
  }

  /** Takes the node that was pushed last on a CPU, as {@link onCpu} would; -1 if it has none. */
  popFrom(cpu: number): number {
    const shard = this.#shards.check(cpu)
    return this.#shards.counted(stacks.take(this.#handle, shard, one, 1, false), shard) === 1
      ? (one[0] as number)
      : -1
  }

  /**
   * Takes all nodes: of one CPU, or of all and of the overflow list, one after the other. Each CPU's come at once,
   * pushed last first. Others go on meanwhile: what they push after their CPU's turn stays.
   *
   * @throws as {@link onCpu}.
   */
  drain(cpu?: number): number[] {
    const { count: shards } = this.#shards
    const first = cpu === undefined ? 0 : this.#shards.check(cpu)
    const last = cpu === undefined ? shards : first
    const into = new Float64Array(this.nodes)
    const all: number[] = []
    for (let shard = first; shard <= last; shard++) {
      const count = this.#shards.counted(stacks.take(this.#handle, shard, into, into.length, false), shard)
      for (let k = 0; k < count; k++) all.push(into[k] as number)
    }
    return all
  }

  /**
   * Stops the list of a CPU for everybody else, calls `use` with it, and lets it go. Meanwhile the CPU's own threads
   * push to and pop from the overflow list; another `onCpu` for that CPU waits, up to ten seconds. What is said
   * of {@link PerCpuStack.onCpu} is true here, too.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; with the index `concurrency`, that id.
   * @param use - must be done when it returns: the list is let go then, a promise or not.
   * @returns what `use` returns.
   * @throws Error if another thread does not let go, this thread has stopped the CPU's list already, or there is no
   *   way to stop it; RegionCorruptError if something has written over the memory; and what `use` throws.
   */
  onCpu<Result>(cpu: number, use: (list: OwnedList) => Result): Result {
    const shard = this.#shards.check(cpu)
    if (typeof use !== 'function') throw typeError('use', 'a function', use)
    return whileStopped(this.#handle, shard, 'list', (owned) => use(new OwnedList(owned, this.nodes)))
  }

  #checkNode(node: unknown): number {
    return checkInteger('node', node, 0, this.nodes - 1) + 0
  }
}

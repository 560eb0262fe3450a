import { summary } from '../core/describe.js'
import { own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { checkChoice, checkInteger, typeError } from '../core/errors.js'
import {
  type Arena,
  INDEXES,
  type IndexName,
  Kind,
  LIST_LENGTH,
  MAX_UNITS,
  MAX_UNIT_SIZE,
  Status,
} from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { OwnedList, listedError } from './owned-list.js'
import { whileStopped } from './owned-stack.js'
import { checkOptions } from '../core/options.js'
import { AdoptedBuffer, RegionHolder, bufferFor, createRegion, openRegion } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'
import { Shards } from '../runtime/shards.js'
import { Holders } from './holders.js'
import { UnitViews } from './unit-views.js'

/** Options of a new {@link PerCpuList}. */
export interface ListOptions {
  /** Number of nodes: 1 to 2**28. */
  nodes: number
  /** Bytes of each node's payload: 1 to 2**30. Each payload begins at a multiple of 64 bytes within the memory. */
  payloadSize: number
  /**
   * Makes the lists detect nodes that are pushed while they are on a list. For tests: it takes 8 more bytes for each node, and
   * every operation takes several times as long, because all threads share one lock. By default false.
   */
  checked?: boolean
  /** What numbers the lists: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { listPush, listTryPush, listPop, listTryPop } = backend.operations
const { waiting } = backend
const { stacks } = backend

/** A copy in this module: optimized code embeds it; see counters.ts. */
const OK = Status.ok

/** The array that operations on one node pass. */
const one = new Float64Array(1)

const OPTIONS = ['nodes', 'payloadSize', 'checked', 'index']

/** What the memory of lists is like. */
export interface ListShape {
  /** Words of a shard. */
  readonly length: number
  readonly arena: Arena
  readonly index: IndexName
}

/** @throws TypeError, RangeError for options that are not accepted. */
export function listShape(options: ListOptions): ListShape {
  const { nodes, payloadSize, checked = false, index } = checkOptions('options', options, OPTIONS)
  const arena: Arena = {
    units: checkInteger('nodes', nodes, 1, MAX_UNITS),
    unitSize: checkInteger('payloadSize', payloadSize, 1, MAX_UNIT_SIZE),
    isChecked: checked,
  }
  if (typeof checked !== 'boolean') throw typeError('checked', 'true or false', checked)
  return { length: LIST_LENGTH, arena, index: checkChoice('index', index, INDEXES) }
}

function newLists(options: ListOptions): SharedArrayBuffer {
  const { length, arena, index } = listShape(options)
  return createRegion(Kind.list, length, 'i64', index, backend.possibleCpus, { arena, policy: 0 })
}

/**
 * A linked list for each CPU, last in, first out, over a fixed set of nodes that worker threads share. Each node has a
 * payload in shared memory, which is never copied, and is on at most one list.
 *
 * {@link push} and {@link pop} are one restartable sequence each, on the list of the CPU that runs the thread. A section that
 * was interrupted restarts, so there is no ABA problem and no need for tags. A new list is empty: the program pushes the
 * nodes, or hands them out. A thread that has popped a node has it alone until it pushes it again. With
 * {@link ListOptions.checked}, pushing a node twice throws an error that names the node; otherwise no call detects it, and the
 * lists then hold wrong nodes.
 *
 * If a thread is terminated, the nodes that it has popped are lost. In memory that processes share, the nodes of a process
 * that has died come back: see {@link reclaim}.
 * Memory: 8 + payloadSize (rounded up to 64) bytes for each node, and 128 bytes for each possible CPU.
 *
 * @example
 * ```ts
 * const jobs = new PerCpuList({ nodes: 1000, payloadSize: 256 })
 * jobs.payload(7).set([1, 2, 3])
 * jobs.push(7)
 * jobs.pop() // 7, on the same CPU
 * ```
 */
export class PerCpuList extends RegionHolder {
  readonly #region = own(this, openRegion(this.buffer, Kind.list))
  readonly #handle: Handle = this.#region.handle
  /** The name of the structure in errors. */
  readonly #what = this.#region.arena.isChecked ? 'checked list' : 'list'
  readonly #shards = new Shards(this.#region, this.#what)
  readonly #views = new UnitViews(this.buffer, this.#region, Kind.list, 'node')
  readonly #holders = new Holders(this.#region, this.#shards)
  /** Number of nodes. */
  readonly nodes = this.#region.arena.units
  /** Bytes of a node's payload. */
  readonly payloadSize = this.#region.arena.unitSize
  /** Whether the lists detect that a node is pushed twice: see {@link ListOptions.checked}. */
  readonly checked = this.#region.arena.isChecked

  /**
   * Makes empty lists.
   *
   * @param options - number of nodes, size of their payload, and what numbers the lists.
   * @throws TypeError if an option is unknown or has the wrong type; RangeError if a value is out of range, or the memory is
   *   not available.
   */
  constructor(options: ListOptions) {
    super(bufferFor('PerCpuList', [options], () => newLists(options)))
  }

  /**
   * Opens lists that another thread made.
   *
   * @param buffer - their {@link PerCpuList.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of those lists.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuList {
    return new PerCpuList(new AdoptedBuffer(buffer) as unknown as ListOptions)
  }

  /** What numbers the lists: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Pushes a node on this CPU's list, which always has room. O(1). If another thread has stopped the CPU or this thread has no
   * rseq, the node goes on the overflow list, behind a lock. A thread that pops the node sees what this thread stored in the
   * payload before the push: both threads run on that CPU, or a lock or a fence orders them.
   *
   * @param node - a node that is on no list: 0 to {@link nodes} - 1.
   * @throws TypeError, RangeError if the node does not exist; if the lists are {@link checked}, also RangeError if the node is
   *   on a list already, which takes O(nodes). Then nothing has changed.
   * @throws RegionCorruptError if something has written over the memory.
   */
  push(node: number): void {
    if (typeof node !== 'number' || node >>> 0 !== node || node >= this.nodes) this.#checkNode(node)
    const status = listTryPush(this.#handle, node)
    if (status !== OK) this.#pushSlow(status, node)
  }

  /** Repeats a push whose first attempt failed, or throws. */
  #pushSlow(attempted: Status, node: number): void {
    let status = attempted === Status.listed ? attempted : listPush(this.#handle, node)
    if (status === Status.busy) status = waiting.listPush(this.#handle, node)
    if (status === OK) return
    throw status === Status.listed ? listedError(node) : remoteError(-status, this.#what)
  }

  /**
   * Pops the node that was pushed last on this CPU or, if its list is empty, one from the overflow list. O(1). Nodes on the
   * lists of other CPUs are not found.
   *
   * @returns the node; -1 if both lists are empty.
   * @throws RegionCorruptError if something has written over the memory.
   */
  pop(): number {
    const node = listTryPop(this.#handle)
    return node >= 0 ? node : this.#popSlow(node)
  }

  /** Repeats a pop whose first attempt failed, or throws. */
  #popSlow(attempted: number): number {
    // A checked list reports each node with a wrong state once; the next pop continues with the next node.
    let answer = attempted === -Status.corrupt ? attempted : listPop(this.#handle)
    if (answer === -Status.busy) answer = waiting.listPop(this.#handle)
    return answer === -Status.empty ? -1 : this.#shards.counted(answer)
  }

  /**
   * Returns the bytes of a node's payload, as one object that is made at the first call and kept. Use it only while this
   * thread has the node.
   *
   * @throws TypeError, RangeError if the node does not exist.
   */
  payload(node: number): Uint8Array {
    return this.#views.of(node)
  }

  /** Number of nodes on all lists. O(nodes); stops each CPU whose list is not empty, one after the other. */
  get size(): number {
    return this.#shards.total
  }

  /** Returns the number of nodes on the list of every possible CPU or concurrency id. Cost as of {@link size}. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** Number of nodes on the overflow list. */
  get overflow(): number {
    return this.#shards.overflow
  }

  /** Pushes a node on the list of any CPU. Stops the list for that, with the cost of {@link onCpu} and the errors of both. */
  pushTo(cpu: number, node: number): void {
    const shard = this.#shards.check(cpu)
    one[0] = this.#checkNode(node)
    const answer = stacks.pushOwned(this.#handle, shard, one, 1, false)
    if (answer === -Status.listed) throw listedError(node)
    this.#shards.counted(answer, shard)
  }

  /**
   * Pops the node that was pushed last on a CPU. Stops the list for that, with the cost and the errors of {@link onCpu}.
   *
   * @returns the node; -1 if the list is empty.
   */
  popFrom(cpu: number): number {
    const shard = this.#shards.check(cpu)
    return this.#shards.counted(stacks.popOwned(this.#handle, shard, one, 1, false), shard) === 1
      ? (one[0] as number)
      : -1
  }

  /**
   * Pops all nodes of one CPU, or of all CPUs and the overflow list. The lists are emptied one after the other, each at once;
   * its nodes come in the order of pops. Other threads continue: nodes pushed on a list after its turn stay.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; by default all lists.
   * @throws the errors of {@link onCpu}.
   */
  drain(cpu?: number): number[] {
    const into = new Float64Array(this.nodes)
    const all: number[] = []
    for (const shard of this.#shards.chosen(cpu)) {
      const count = this.#shards.counted(
        stacks.popOwned(this.#handle, shard, into, into.length, false),
        shard,
      )
      for (let k = 0; k < count; k++) all.push(into[k] as number)
    }
    return all
  }

  /**
   * Stops the list of a CPU for all other threads, calls `use` with it, and releases it. Meanwhile the CPU's threads use the
   * overflow list; another `onCpu` for that CPU waits for up to ten seconds. Cost and takeover are as for
   * {@link PerCpuStack.onCpu}.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; with the index `concurrency`, a concurrency id.
   * @param use - a synchronous function: the list is released when it returns, even if it returns a promise.
   * @returns the value that `use` returns.
   * @throws TypeError, RangeError if `cpu` does not exist or `use` is no function.
   * @throws Error if another thread does not release the list within ten seconds, if this thread has stopped it already, or
   *   if the CPU cannot be stopped; RegionCorruptError if something has written over the memory; and whatever `use` throws.
   */
  onCpu<Result>(cpu: number, use: (list: OwnedList) => Result): Result {
    const shard = this.#shards.check(cpu)
    if (typeof use !== 'function') throw typeError('use', 'a function', use)
    return whileStopped(this.#handle, shard, this.#what, (owned) => use(new OwnedList(owned, this.nodes)))
  }

  /**
   * In memory that processes share (`rseq/shared`): the number of the process that popped the node last. It is the ticket with
   * which another process adopts the node; see {@link adopt}. 0 in memory of one process. O(1).
   *
   * @throws TypeError, RangeError if the node does not exist.
   */
  holder(node: number): number {
    return this.#holders.of(this.#checkNode(node))
  }

  /**
   * In memory that processes share: makes this process the holder of a node that another process hands over, so that the
   * node is not given back when the other process dies. Call it before you use the node. Threads of one process need not
   * adopt from each other. In memory of one process, it does nothing and returns true. O(1).
   *
   * @param node - the number that the other process has sent.
   * @param holder - the result of `holder()` of the node, which the other process has sent along; or 0, for a node that no process has
   *   popped yet. So of several processes that fill a new list, each node goes to one.
   * @returns false if the node has another holder by now: the other process died, and the node was given back, or somebody
   *   else has adopted it. This process must not use the node then.
   * @throws TypeError, RangeError if the node does not exist or `holder` is no such number; Error if all slots of the service
   *   are taken.
   */
  adopt(node: number, holder: number): boolean {
    return this.#holders.adopt(this.#checkNode(node), holder)
  }

  /**
   * In memory that processes share: puts all nodes that processes had popped which have died on the overflow list, where
   * {@link pop} finds them. No other call does this. The payloads have the bytes that the processes left in them. O(nodes); if
   * a dead process had popped nodes, it stops each CPU whose list is not empty, one after the other.
   *
   * @returns the number of nodes given back; 0 in memory of one process.
   * @throws Error if a CPU cannot be stopped; RegionCorruptError if something has written over the memory.
   */
  reclaim(): number {
    return this.#holders.reclaim()
  }

  #checkNode(node: unknown): number {
    return checkInteger('node', node, 0, this.nodes - 1) + 0
  }

  /** Closes what this object has open in this thread now. Every later operation of this object throws an Error. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    this.#views.close()
  }

  /** @internal */
  override [summary](): object {
    // Without the size: counting the nodes would stop CPUs.
    const { nodes, payloadSize, checked, index } = this
    return { nodes, payloadSize, checked, index }
  }
}

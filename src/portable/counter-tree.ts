/**
 * Counters that carry into a tree, without the addon: the twin of `native/percpu/counter_tree.h`, which explains the tree.
 * All operations of `Atomics` are in one order, so the carry needs no fence here.
 *
 * @module
 */
import { TREE_GROUP_SHARDS, TREE_LENGTH, TreeWord } from '../core/counter-tree-layout.js'
import { Element, Kind, Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { type PortableRegion, at, ownShard } from './region.js'

/** Bounds a carry. A round fails only if another thread has changed the leaf, which then carries it itself. */
const ROUNDS = 16
/** Who finds twice that a node has changed since he loaded it need not try again. */
const REFRESHES = 2

/** A node: a number of steps in its upper 52 bits, and below it a count of its changes, odd in a leaf on its way up. */
const COUNT_BITS = 12n
const COUNT_MASK = (1n << COUNT_BITS) - 1n

function nodeOf(steps: bigint, count: bigint): bigint {
  return BigInt.asIntN(64, (steps << COUNT_BITS) | (count & COUNT_MASK))
}

function isCarried(total: bigint, leaf: bigint, step: bigint): boolean {
  const above = total - (leaf >> COUNT_BITS) * step
  return above < step && above > -step && (leaf & 1n) === 0n
}

function wholeSteps(total: bigint, step: bigint): bigint {
  const quotient = total / step
  return total % step < 0n ? quotient - 1n : quotient
}

/** Computes a node from what is below it. `counter_tree.cc` says why two exchanges are enough. */
function refresh({ words }: PortableRegion, node: number, below: readonly number[]): void {
  for (let tries = 0; tries < REFRESHES; tries++) {
    const seen = Atomics.load(words, node)
    const sum = below.reduce((all, position) => all + (Atomics.load(words, position) >> COUNT_BITS), 0n)
    if (Atomics.compareExchange(words, node, seen, nodeOf(sum, seen + 1n)) === seen) return
  }
}

/** The positions of a word in the shards from `first` up to but without `end`. */
function positions(region: PortableRegion, word: number, first: number, end: number, by: number): number[] {
  const all: number[] = []
  for (let shard = first; shard < end; shard += by) all.push(at(region, shard, word))
  return all
}

function carryUp(region: PortableRegion, shard: number): void {
  const { shards } = region
  if (shard !== shards) {
    const first = shard - (shard % TREE_GROUP_SHARDS)
    const end = Math.min(shards, first + TREE_GROUP_SHARDS)
    refresh(region, at(region, first, TreeWord.group), positions(region, TreeWord.leaf, first, end, 1))
  }
  const below = positions(region, TreeWord.group, 0, shards, TREE_GROUP_SHARDS)
  refresh(region, at(region, shards, TreeWord.top), [...below, at(region, shards, TreeWord.leaf)])
}

function carry(region: PortableRegion, shard: number, step: bigint): void {
  const { words } = region
  const leaf = at(region, shard, TreeWord.leaf)
  for (let round = 0; round < ROUNDS; round++) {
    const seen = Atomics.load(words, leaf)
    const total = Atomics.load(words, at(region, shard, TreeWord.total))
    if (isCarried(total, seen, step)) return
    const next = nodeOf(wholeSteps(total, step), (seen + 1n) | 1n)
    if (Atomics.compareExchange(words, leaf, seen, next) !== seen) continue
    carryUp(region, shard)
    Atomics.compareExchange(words, leaf, next, nodeOf(next >> COUNT_BITS, next + 1n))
  }
}

function isTree({ kind, element, length }: PortableRegion, step: number): boolean {
  return kind === Kind.counters && element === Element.i64 && length === TREE_LENGTH && step !== 0
}

function counterTreeAdd(handle: Handle, step: number, delta: number): Status {
  const region = handle as PortableRegion
  if (!isTree(region, step)) return Status.badHandle
  if (!Number.isSafeInteger(delta)) return Status.badValue
  const shard = ownShard(region)
  Atomics.add(region.words, at(region, shard, TreeWord.total), BigInt(delta))
  carry(region, shard, BigInt(step))
  return Status.ok
}

export const counterTreeOperations = {
  counterTreeAddInt32: counterTreeAdd,
  counterTreeAddFloat64: counterTreeAdd,

  counterTreeApproximate(handle: Handle, step: number): number {
    const region = handle as PortableRegion
    if (!isTree(region, step)) return NaN
    return Number(Atomics.load(region.words, at(region, region.shards, TreeWord.top)) >> COUNT_BITS) * step
  },
}

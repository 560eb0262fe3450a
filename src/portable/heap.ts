/**
 * Heaps without the addon, like `native/percpu/heap.cc`. There are no caches here: each block comes from the spans and goes back
 * there, behind their lock. So the bits of the spans always tell which blocks are free.
 *
 * @module
 */
import { HEAP_PAGE, MOST_HEAP_BLOCK, heapClassOf } from '../core/heap-classes.js'
import { Status } from '../core/layout.js'
import type { Handle, Operations } from '../core/operations.js'
import { Spans } from './heap-spans.js'
import type { PortableRegion } from './region.js'

const known = new WeakMap<PortableRegion, Spans>()

function spansOf(handle: Handle): Spans {
  const region = handle as PortableRegion
  const spans = known.get(region) ?? new Spans(region)
  known.set(region, spans)
  return spans
}

function heapAlloc(handle: Handle, bytes: number): number {
  const spans = spansOf(handle)
  const status = spans.locked(() =>
    bytes > MOST_HEAP_BLOCK ? spans.takePages(Math.ceil(bytes / HEAP_PAGE)) : spans.take(heapClassOf(bytes)),
  )
  if (status === Status.ok) return spans.taken
  return status === Status.empty && spans.hasCached() ? -Status.unfenceable : -status
}

function heapFree(handle: Handle, block: number): Status {
  const spans = spansOf(handle)
  return spans.locked(() => spans.put(block))
}

export const heapOperations: Pick<Operations, 'heapAlloc' | 'heapFree'> = { heapAlloc, heapFree }

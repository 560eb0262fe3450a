/**
 * @file
 * The size classes of a heap, and where each has its words. src/core/heap-classes.ts has the same numbers.
 *
 * From 16 bytes to 64 KiB, each doubling has 8 classes: a block is at most 12.5 % longer than what was asked for. The
 * blocks of a class lie side by side in spans, which are whole pages of the heap; what is left over at a span's end is
 * at most an eighth of it.
 */
#ifndef RSEQ_PERCPU_HEAP_CLASSES_H
#define RSEQ_PERCPU_HEAP_CLASSES_H

#include <cstdint>

namespace percpu {

/** Bytes of a page of a heap, whatever the kernel's pages are. */
constexpr uint32_t kHeapPage = 4096;
/** The most pages of a heap: 2 GiB, so that the number of each block fits into 30 bits. */
constexpr uint32_t kMaxHeapPages = 1u << 19;
/** A block's number is the distance of its first byte from that of the heap, in units of so many bytes. */
constexpr uint32_t kHeapUnit = 2;
constexpr uint32_t kLeastHeapBlock = 16;
/** Bytes of the longest block that has a class. Longer ones are whole pages. */
constexpr uint32_t kMostHeapBlock = 65536;
constexpr uint32_t kHeapClasses = 97;

/** The class of the shortest blocks of at least `bytes` bytes, at most kMostHeapBlock. */
constexpr uint32_t heap_class_of(uint32_t bytes) noexcept {
  if (bytes <= kLeastHeapBlock)
    return 0;
  const uint32_t doubling = 31u - static_cast<uint32_t>(__builtin_clz(bytes - 1)); // 4 for 17 to 32 bytes.
  return (doubling - 4) * 8 + ((bytes - 1) >> (doubling - 3)) - 7;
}

/** Bytes of the blocks of a class. */
constexpr uint32_t heap_class_size(uint32_t number) noexcept {
  return number == 0 ? kLeastHeapBlock : (9 + (number - 1) % 8) << ((number - 1) / 8 + 1);
}

struct HeapClass {
  uint32_t size;       ///< Bytes of a block.
  uint32_t pages;      ///< Pages of a span.
  uint32_t blocks;     ///< Blocks of a span: at most 256.
  uint32_t capacity;   ///< How many free blocks a CPU has room for.
  uint32_t first;      ///< The word of a shard where the CPU's cache begins: heap.h.
  uint32_t reciprocal; ///< 2^32 / size, rounded up: finds a block's position in its span by a multiplication.
};

namespace detail {

/** The words of a shard before the first cache. */
constexpr uint32_t kHeapHead = 8;
/** A cache is a word with its limit, the two words of a stack, and the numbers of blocks: whole lines of 8 words. */
constexpr uint32_t kHeapCacheHead = 3;
/** How many bytes of free blocks of one class a CPU may keep, unless that is less than 5 blocks or more than 61. */
constexpr uint32_t kHeapCacheBytes = 65536;
constexpr uint32_t kMostHeapCache = 61;

struct HeapTable {
  HeapClass classes[kHeapClasses];
  uint32_t length; ///< Words of a shard.
};

constexpr HeapTable make_heap_table() noexcept {
  HeapTable table = {};
  uint32_t next = kHeapHead;
  for (uint32_t number = 0; number < kHeapClasses; number++) {
    HeapClass& one = table.classes[number];
    one.size = heap_class_size(number);
    one.pages = (one.size + kHeapPage - 1) / kHeapPage;
    while (one.pages * kHeapPage % one.size > one.pages * (kHeapPage / 8))
      one.pages++;
    one.blocks = one.pages * kHeapPage / one.size;
    const uint32_t words = (kHeapCacheBytes / one.size + kHeapCacheHead + 7) / 8 * 8;
    one.capacity = words - kHeapCacheHead < kMostHeapCache ? words - kHeapCacheHead : kMostHeapCache;
    one.first = next + 1;
    one.reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + one.size - 1) / one.size);
    next += one.capacity + kHeapCacheHead;
  }
  table.length = next;
  return table;
}

} // namespace detail

constexpr detail::HeapTable kHeapTable = detail::make_heap_table();

/** Words of a shard of a heap. */
constexpr uint32_t kHeapLength = kHeapTable.length;

static_assert(heap_class_of(kMostHeapBlock) == kHeapClasses - 1 && heap_class_size(kHeapClasses - 1) == kMostHeapBlock);

} // namespace percpu

#endif // RSEQ_PERCPU_HEAP_CLASSES_H

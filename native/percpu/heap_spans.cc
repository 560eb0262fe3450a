#include "heap_spans.h"

#include "pool.h"

#include <cstring>

namespace percpu {
namespace heap_spans {
namespace {

void store(uint32_t* number, uint32_t value) noexcept {
  __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/** A word of the overflow shard. */
uint64_t* word_of(const Region& region, uint32_t i) noexcept {
  return word_at<uint64_t>(region, region.shards, i);
}
uint64_t load_word(const Region& region, uint32_t i) noexcept {
  return __atomic_load_n(word_of(region, i), __ATOMIC_RELAXED);
}
void store_word(const Region& region, uint32_t i, uint64_t value) noexcept {
  __atomic_store_n(word_of(region, i), value, __ATOMIC_RELAXED);
}

uint32_t number_of(uint32_t head, uint32_t offset) noexcept {
  return head * (kHeapPage / kHeapUnit) + offset / kHeapUnit;
}

/** How many pages what begins at `head` has; 0 if nothing can begin there. `head` is below region.units. */
uint32_t length_at(const Region& region, uint32_t head, uint32_t page) noexcept {
  const uint32_t most = region.units - head;
  const uint32_t pages = pages_of(page);
  switch (state_of(page)) {
  case PageState::free:
    return pages == 0 ? most : pages <= most ? pages : 0;
  case PageState::blocks: {
    const bool is_span = class_of(page) < kHeapClasses && pages == kHeapTable.classes[class_of(page)].pages;
    return is_span && pages <= most ? pages : 0;
  }
  case PageState::large:
    return pages <= most ? pages : 0;
  default:
    return 0;
  }
}

/** The bits of the blocks in word `k` of a span's bits that there are. */
uint32_t bits_there(const HeapClass& one, uint32_t k) noexcept {
  if (one.blocks >= (k + 1) * 32)
    return ~0u;
  return one.blocks <= k * 32 ? 0 : (1u << (one.blocks - k * 32)) - 1;
}

/** Whether a link, a page and 1, or 0, leads to a page. */
bool is_link(const Region& region, uint64_t link) noexcept {
  return link <= region.units;
}

/** Puts a span at the beginning of the list of its class. */
Status link_span(const Region& region, uint32_t number, uint32_t head) noexcept {
  const uint64_t first = load_word(region, kLists + number);
  if (!is_link(region, first))
    return Status::corrupt;
  store(row_of(region, head) + kNext, static_cast<uint32_t>(first));
  store(row_of(region, head) + kPrevious, 0);
  if (first != 0)
    store(row_of(region, static_cast<uint32_t>(first) - 1) + kPrevious, head + 1);
  store_word(region, kLists + number, head + 1);
  return Status::ok;
}

/** Removes a span from the list of its class. */
Status unlink_span(const Region& region, uint32_t number, uint32_t head) noexcept {
  const uint32_t next = load(row_of(region, head) + kNext);
  const uint32_t previous = load(row_of(region, head) + kPrevious);
  if (!is_link(region, next) || !is_link(region, previous))
    return Status::corrupt;
  if (previous != 0)
    store(row_of(region, previous - 1) + kNext, next);
  else if (load_word(region, kLists + number) == head + 1)
    store_word(region, kLists + number, next);
  else
    return Status::corrupt;
  if (next != 0)
    store(row_of(region, next - 1) + kPrevious, previous);
  return Status::ok;
}

/** Makes a free run of pages. One store: the pages are free, or they are not. */
void release(const Region& region, uint32_t head, uint32_t pages) noexcept {
  store(row_of(region, head), page_number(PageState::free, pages));
  store_word(region, kFreePages, load_word(region, kFreePages) + pages);
}

/** Joins a free run of `length` pages with those behind it. Returns how many pages it has then. */
uint32_t join(const Region& region, uint32_t head, uint32_t length) noexcept {
  while (length < region.units - head) {
    const uint32_t next = head + length;
    const uint32_t page = load(row_of(region, next));
    const uint32_t more = state_of(page) == PageState::free ? length_at(region, next, page) : 0;
    if (more == 0)
      break;
    // A search must not begin inside of a run.
    if (load_word(region, kRover) == next)
      store_word(region, kRover, head);
    length += more;
    store(row_of(region, head), page_number(PageState::free, length));
  }
  return length;
}

/**
 * Finds a free run of `pages` pages and makes the rest of the run one of its own. The run still counts as free: the
 * caller commits by its first row. O(spans).
 */
Status find_run(const Region& region, uint32_t pages, uint32_t& found) noexcept {
  if (load_word(region, kFreePages) < pages)
    return Status::empty;
  const uint64_t rover = load_word(region, kRover);
  const uint32_t start = rover < region.units ? static_cast<uint32_t>(rover) : 0;
  uint32_t end = region.units;
  for (uint32_t head = start;;) {
    if (head >= end) {
      if (end <= start || start == 0)
        return Status::empty;
      head = 0;
      end = start;
    }
    const uint32_t page = load(row_of(region, head));
    uint32_t length = length_at(region, head, page);
    if (length == 0)
      return Status::corrupt;
    if (state_of(page) == PageState::free) {
      length = join(region, head, length);
      if (length >= pages) {
        const uint32_t rest = head + pages;
        if (length > pages)
          store(row_of(region, rest), page_number(PageState::free, length - pages));
        store_word(region, kRover, rest < region.units ? rest : 0);
        found = head;
        return Status::ok;
      }
    }
    head += length;
  }
}

/** Takes the pages of a run that find_run() has found. */
void commit(const Region& region, uint32_t head, uint32_t page) noexcept {
  store(row_of(region, head), page);
  const uint64_t before = load_word(region, kFreePages);
  store_word(region, kFreePages, before - pages_of(page));
}

/** Makes a span of the class, all of whose blocks are free. */
Status make_span(const Region& region, uint32_t number) noexcept {
  const HeapClass& one = kHeapTable.classes[number];
  uint32_t head = 0;
  const Status status = find_run(region, one.pages, head);
  if (status != Status::ok)
    return status;
  for (uint32_t k = 1; k < one.pages; k++)
    store(row_of(region, head + k), page_number(PageState::interior, k));
  for (uint32_t k = 0; k < kBitWords; k++)
    store(row_of(region, head) + kBits + k, bits_there(one, k));
  store(row_of(region, head) + kFree, one.blocks);
  commit(region, head, page_number(PageState::blocks, one.pages, number));
  return link_span(region, number, head);
}

/** Counts the free blocks of a span anew: makes it a free run, or puts it on its list. */
Status recount(const Region& region, uint32_t head, uint32_t number) noexcept {
  const HeapClass& one = kHeapTable.classes[number];
  uint32_t count = 0;
  for (uint32_t k = 0; k < kBitWords; k++)
    count += static_cast<uint32_t>(__builtin_popcount(load(row_of(region, head) + kBits + k) & bits_there(one, k)));
  if (count == one.blocks) {
    release(region, head, one.pages);
    return Status::ok;
  }
  store(row_of(region, head) + kFree, count);
  return count == 0 ? Status::ok : link_span(region, number, head);
}

/** Puts a block of a class back into its span. */
Status put_into_span(const Region& region, const Place& place) noexcept {
  const uint32_t number = class_of(place.page);
  const HeapClass& one = kHeapTable.classes[number];
  uint32_t* const row = row_of(region, place.head);
  uint32_t* const bits = row + kBits + place.index / 32;
  const uint32_t bit = 1u << place.index % 32;
  if ((load(bits) & bit) != 0)
    return Status::not_owner;
  const uint32_t count = load(row + kFree) + 1;
  if (count > one.blocks)
    return Status::corrupt;
  store(bits, load(bits) | bit);
  store(row + kFree, count);
  if (count == one.blocks) {
    const Status status = count == 1 ? Status::ok : unlink_span(region, number, place.head);
    if (status == Status::ok)
      release(region, place.head, one.pages);
    return status;
  }
  return count == 1 ? link_span(region, number, place.head) : Status::ok;
}

} // namespace

Status make_consistent(const Region& region) noexcept {
  for (uint32_t number = 0; number < kHeapClasses; number++)
    store_word(region, kLists + number, 0);
  store_word(region, kRover, 0);
  store_word(region, kFreePages, 0);
  uint32_t length = 0;
  for (uint32_t head = 0; head < region.units; head += length) {
    const uint32_t page = load(row_of(region, head));
    length = length_at(region, head, page);
    if (length == 0)
      return Status::corrupt;
    if (state_of(page) == PageState::free)
      release(region, head, length);
    else if (state_of(page) == PageState::blocks && recount(region, head, class_of(page)) != Status::ok)
      return Status::corrupt;
  }
  return Status::ok;
}

Status take_listed(const Region& region, uint32_t number, uint32_t& block) noexcept {
  const HeapClass& one = kHeapTable.classes[number];
  const uint64_t first = load_word(region, kLists + number);
  if (first == 0)
    return Status::empty;
  if (!is_link(region, first))
    return Status::corrupt;
  const auto head = static_cast<uint32_t>(first - 1);
  uint32_t* const row = row_of(region, head);
  const uint32_t count = load(row + kFree);
  if (load(row) != page_number(PageState::blocks, one.pages, number) || length_at(region, head, load(row)) == 0 ||
      count == 0)
    return Status::corrupt;
  for (uint32_t k = 0; k < kBitWords; k++) {
    const uint32_t bits = load(row + kBits + k);
    const uint32_t there = bits & bits_there(one, k);
    if (there == 0)
      continue;
    const auto position = static_cast<uint32_t>(__builtin_ctz(there));
    store(row + kBits + k, bits & ~(1u << position));
    store(row + kFree, count - 1);
    block = number_of(head, (k * 32 + position) * one.size);
    return count == 1 ? unlink_span(region, number, head) : Status::ok;
  }
  return Status::corrupt;
}

Status take(const Region& region, uint32_t number, uint32_t& block) noexcept {
  Status status = take_listed(region, number, block);
  if (status != Status::empty)
    return status;
  status = make_span(region, number);
  return status == Status::ok ? take_listed(region, number, block) : status;
}

Status take_pages(const Region& region, uint32_t pages, uint32_t& block) noexcept {
  uint32_t head = 0;
  const Status status = find_run(region, pages, head);
  if (status != Status::ok)
    return status;
  commit(region, head, page_number(PageState::large, pages));
  block = number_of(head, 0);
  return Status::ok;
}

Status put(const Region& region, uint32_t block) noexcept {
  Place place;
  if (!find(region, block, place))
    return Status::out_of_range;
  const bool is_large = state_of(place.page) == PageState::large;
  const uint32_t bits = is_large ? 0 : load(row_of(region, place.head) + kBits + place.index / 32);
  if ((bits >> place.index % 32 & 1) != 0)
    return Status::not_owner;
  if (region.is_checked)
    memset(unit_at(region, 0) + static_cast<uint64_t>(block) * kHeapUnit, kPoison, size_at(place));
  if (!is_large)
    return put_into_span(region, place);
  release(region, place.head, pages_of(place.page));
  return Status::ok;
}

} // namespace heap_spans
} // namespace percpu

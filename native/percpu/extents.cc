#include "extents.h"

#include "../rseq/clocks.h"
#include "room.h"
#include "service.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE // Older headers lack it; the number is the kernel's on all architectures.
#define MADV_POPULATE_WRITE 23
#endif

namespace percpu {
namespace extents {

/** Room that growth leaves to other programs: what they take meanwhile must not make the kernel kill somebody. */
constexpr uint64_t kSpareBytes = 256 << 10;
/** How often a call is tried that signals interrupt. */
constexpr uint32_t kInterruptions = 100;
/** How many pages one look covers. */
constexpr uint32_t kPagesAtOnce = 1024;

/** When growth may be tried again, in milliseconds of CLOCK_MONOTONIC. */
uint64_t grow_again_at = 0;
/** Whether the kernel has MADV_POPULATE_WRITE: 0 before it was asked, then 1 or 2. */
enum : uint32_t { kUnknown, kHasIt, kLacksIt };
uint32_t populating = kUnknown;

uint64_t page_size() noexcept {
  return static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t round_up(uint64_t address) noexcept {
  return (address + page_size() - 1) / page_size() * page_size();
}

/** How many bytes of whole pages are not in memory. The kernel says so of pages that are swapped out, too. */
uint64_t missing_bytes(uint64_t begin, uint64_t end) noexcept {
  unsigned char is_there[kPagesAtOnce];
  uint64_t missing = 0;
  for (uint64_t at = begin; at < end;) {
    const uint64_t most = kPagesAtOnce * page_size();
    const uint64_t length = end - at < most ? end - at : most;
    if (mincore(reinterpret_cast<void*>(at), length, is_there) != 0)
      return end - begin;
    for (uint64_t k = 0; k < length / page_size(); k++)
      missing += (is_there[k] & 1) != 0 ? 0 : page_size();
    at += length;
  }
  return missing;
}

bool has_room(uint32_t service, uint64_t bytes, uint64_t spare) noexcept {
  const auto fits = [=](uint64_t room) { return room >= spare && bytes <= room - spare; };
  return fits(file_system_room(service_file(service))) && fits(cgroup_room());
}

unsigned char* end_of(const Region& region, uint32_t shards) noexcept {
  return region.first_shard + static_cast<uint64_t>(shards) * region.stride;
}

void raise(uint32_t* bound, uint32_t to) noexcept {
  uint32_t seen = __atomic_load_n(bound, __ATOMIC_RELAXED);
  while (seen < to && !__atomic_compare_exchange_n(bound, &seen, to, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

/** Writes into the header how many shards are allocated. A number that cannot be right stays, as an error for readers.
 */
void publish(const Region& region, uint32_t shards) noexcept {
  uint32_t* const word = detail::allocated_word(region);
  uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (seen != 0 && seen < shards &&
         !__atomic_compare_exchange_n(word, &seen, shards, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
  }
}

/** Makes the first `shards` shards present, and all others that end in the same page. False if there is no room. */
bool reach(const Region& region, uint32_t shards, uint64_t spare) noexcept {
  const unsigned char* from = end_of(region, __atomic_load_n(&region.section_shards, __ATOMIC_RELAXED));
  const unsigned char* end = end_of(region, shards);
  if (end > from && !make_present(region.service, from, static_cast<uint64_t>(end - from), spare))
    return false;
  const auto first = reinterpret_cast<uint64_t>(region.first_shard);
  const uint64_t whole = (round_up(reinterpret_cast<uint64_t>(end)) - first) / region.stride;
  const uint32_t reached = whole < region.shards ? static_cast<uint32_t>(whole) : region.shards;
  // Published first: a reader must not miss what sections write as soon as the bound is raised.
  publish(region, reached);
  raise(&region.section_shards, reached);
  if (region.kind == Kind::stack && region.direct_length != 0) {
    raise(&region.direct_stacks, reached);
    raise(&region.direct_pops, reached);
  }
  return true;
}

} // namespace extents

bool can_allocate_later() noexcept {
  using namespace extents;
  uint32_t known = __atomic_load_n(&populating, __ATOMIC_RELAXED);
  if (known == kUnknown) {
    // The kernel checks the advice before the length, which is 0.
    known = madvise(nullptr, 0, MADV_POPULATE_WRITE) == 0 ? kHasIt : kLacksIt;
    __atomic_store_n(&populating, known, __ATOMIC_RELAXED);
  }
  return known == kHasIt;
}

bool has_extents(Kind kind) noexcept {
  return kind == Kind::counters || kind == Kind::ring || kind == Kind::stack || kind == Kind::array;
}

bool make_present(uint32_t service, const void* from, uint64_t size, uint64_t spare) noexcept {
  using namespace extents;
  if (!can_allocate_later())
    return true;
  const uint64_t begin = reinterpret_cast<uint64_t>(from) / page_size() * page_size();
  const uint64_t end = round_up(reinterpret_cast<uint64_t>(from) + size);
  const uint64_t missing = missing_bytes(begin, end);
  if (missing == 0)
    return true;
  if (!has_room(service, missing, spare))
    return false;
  for (uint32_t tries = 0; tries < kInterruptions; tries++) {
    if (madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE) == 0)
      return true;
    if (errno != EINTR && errno != EAGAIN)
      return false;
  }
  return false;
}

void touch_allocated(int file, off_t from, size_t size) noexcept {
  void* memory =
      can_allocate_later() ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, from) : MAP_FAILED;
  if (memory == MAP_FAILED)
    return;
  madvise(memory, size, MADV_POPULATE_WRITE);
  munmap(memory, size);
}

Status detail::see_more_shards(const Region& region) noexcept {
  const uint32_t seen = __atomic_load_n(allocated_word(region), __ATOMIC_ACQUIRE);
  if (seen > region.shards)
    return Status::corrupt;
  const uint32_t allocated = seen == 0 ? region.shards : seen;
  if (allocated <= __atomic_load_n(&region.section_shards, __ATOMIC_RELAXED))
    return Status::ok;
  return extents::reach(region, allocated, 0) ? Status::ok : Status::no_room;
}

bool grow_to(const Region& region, uint32_t index) noexcept {
  using namespace extents;
  if (index >= region.shards)
    return false;
  if (index < __atomic_load_n(&region.section_shards, __ATOMIC_RELAXED))
    return true;
  const uint64_t now = monotonic_ms();
  if (now < __atomic_load_n(&grow_again_at, __ATOMIC_RELAXED))
    return false;
  if (reach(region, index + 1, kSpareBytes))
    return true;
  __atomic_store_n(&grow_again_at, now + kGrowAgainMs, __ATOMIC_RELAXED);
  return false;
}

} // namespace percpu

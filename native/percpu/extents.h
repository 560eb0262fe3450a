/**
 * @file
 * Extents: which shards of memory that processes share are allocated.
 *
 * What is allocated on tmpfs is used memory, and a host may have 512 possible CPUs of which 16 run anything. The file
 * of a shared region therefore has its full size, but is sparse: at first only its header, shard 0, the overflow shard
 * and the arena are allocated. The shards of the first CPUs, a prefix, are allocated when a thread is first seen on a
 * CPU at or beyond them; until then, and while there is no room, the overflow shard serves that CPU.
 *
 * The header's word `allocated` says how many leading shards are allocated. It is never trusted: each open region has
 * its own bound, Region::section_shards, which is raised only after the pages of all shards below it were made present.
 * A section compares its CPU with that bound, so the hot operations have no instruction for extents: a CPU beyond the
 * bound takes the slow path, and grow_to() raises the bound there. Readers leave out the shards that are not
 * allocated, as those are empty: zero words are the initial state of each shard.
 *
 * A page that is not there would be SIGBUS if the file system is full, or an OOM kill if the cgroup is. make_present()
 * first compares what is missing with the room, and then asks the kernel by MADV_POPULATE_WRITE (Linux 5.14), which
 * answers an error. On an older kernel the files are allocated as a whole when they are made and opened, and
 * `allocated` is 0.
 *
 * All functions are thread-safe.
 */
#ifndef RSEQ_PERCPU_EXTENTS_H
#define RSEQ_PERCPU_EXTENTS_H

#include "region.h"
#include "status.h"

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace percpu {

/** After growth found no room, this process tries again after so many milliseconds. */
constexpr uint32_t kGrowAgainMs = 1000;

/** Whether this kernel can allocate the pages of a mapping without a risk (MADV_POPULATE_WRITE). */
bool can_allocate_later() noexcept;

/** Whether the shards of such regions are allocated when they are needed. The shards of all others are a few bytes. */
bool has_extents(Kind kind) noexcept;

/**
 * Makes sure that all pages of a part of a service's memory are allocated. O(pages), with system calls.
 * @return false if the file system or the cgroup has no room, or if the file was truncated. Always true where
 *     can_allocate_later() is false.
 * @param spare bytes that must stay free if something is allocated.
 */
bool make_present(uint32_t service, const void* from, uint64_t size, uint64_t spare = 0) noexcept;

/**
 * Tells the kernel that an allocated part of a file is zeros. Else it takes pages for missing that nobody has touched,
 * and so would make_present(). `from` is a multiple of the page size.
 */
void touch_allocated(int file, off_t from, size_t size) noexcept;

namespace detail {
Status see_more_shards(const Region& region) noexcept;

/** The header's word of a region in memory that processes share. */
inline uint32_t* allocated_word(const Region& region) noexcept {
  return &reinterpret_cast<Header*>(region.first_shard - region.header_distance)->allocated;
}
} // namespace detail

/**
 * The number of shards that may be touched, without the overflow shard: the others are not allocated, and empty. Call
 * see_shards() first.
 */
inline uint32_t shards_seen(const Region& region) noexcept {
  return region.service == 0 ? region.shards : region.section_shards;
}

/**
 * Looks how many shards are allocated, so that the caller reads all that other threads and processes wrote before the
 * call. O(1) if no shard was allocated since the last call.
 * @return ok; corrupt: the header has a number that is too large; no_room: the header names shards that are not
 *     allocated, and there is no room for them.
 */
inline Status see_shards(const Region& region) noexcept {
  if (__builtin_expect(region.service == 0, true))
    return Status::ok;
  const uint32_t allocated = __atomic_load_n(detail::allocated_word(region), __ATOMIC_ACQUIRE);
  return allocated == region.section_shards ? Status::ok : detail::see_more_shards(region);
}

/**
 * Allocates the shards up to and with `index`, if that is possible, and raises region.section_shards. For slow paths.
 * @return whether the shard may now be written by sections.
 */
bool grow_to(const Region& region, uint32_t index) noexcept;

/** Whether the calling thread may run a section on the shard `index`. For slow paths. */
inline bool has_section(const Region& region, uint32_t index) noexcept {
  return index < region.section_shards || (region.service != 0 && grow_to(region, index));
}

/**
 * Whether a shard, at most region.shards, may be read; if not, it is empty. Like see_shards().
 * @return ok; empty; or the errors of see_shards().
 */
inline Status see_shard(const Region& region, uint32_t shard) noexcept {
  if (region.service == 0 || shard < region.section_shards || shard >= region.shards)
    return Status::ok;
  const Status status = see_shards(region);
  if (status != Status::ok)
    return status;
  return shard < region.section_shards ? Status::ok : Status::empty;
}

/** Makes sure that a shard, at most region.shards, may be written. Returns ok or no_room. */
inline Status reach_shard(const Region& region, uint32_t shard) noexcept {
  if (region.service == 0 || shard < region.section_shards || shard >= region.shards || grow_to(region, shard))
    return Status::ok;
  return Status::no_room;
}

} // namespace percpu

#endif // RSEQ_PERCPU_EXTENTS_H

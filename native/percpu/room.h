/**
 * @file
 * How much memory may still be allocated on tmpfs: in the file system, and in the cgroup that pays for its pages.
 */
#ifndef RSEQ_PERCPU_ROOM_H
#define RSEQ_PERCPU_ROOM_H

#include <cstdint>

namespace percpu {

/** Bytes without a limit. */
constexpr uint64_t kNoLimit = UINT64_MAX;

/** The free bytes of the file system of an open file; kNoLimit if it has no limit, or if the kernel does not answer. */
uint64_t file_system_room(int file) noexcept;

/**
 * How many more bytes this process may use within the limits of its cgroup (version 2) and of those above it; kNoLimit
 * if no limit can be read. tmpfs is charged to the cgroup, and the kernel kills a process that exceeds memory.max.
 * Reads files: some tens of microseconds for each level.
 * @param cgroups the directory of the cgroup file system.
 * @param own the file that names the cgroup of this process.
 */
uint64_t cgroup_room(const char* cgroups = "/sys/fs/cgroup", const char* own = "/proc/self/cgroup") noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_ROOM_H

/**
 * @file
 * The system call that registers areas, and how large the kernel wants an area to be.
 */
#ifndef RSEQ_REGISTERING_H
#define RSEQ_REGISTERING_H

#include "abi.h"

#include <cstddef>

namespace percpu {
namespace registering {

/**
 * The length in bytes that this kernel wants to register: the size of all fields that it knows, at least kAreaLength.
 * More than kAreaLength from Linux 7.0 on, which from Linux 7.1 on selects the mode V2 where the architecture has it.
 */
uint32_t full_length() noexcept;

/** The alignment in bytes that this kernel wants for an area of full_length() bytes: a power of two, at least 32. */
size_t alignment() noexcept;

/** The bytes that an area of full_length() takes in memory: that length, rounded up to the alignment(). */
size_t room() noexcept;

/**
 * How many bytes the kernel fills of an area that was registered with `length` bytes: kOriginalFeatureSize before
 * Linux 6.3.
 */
uint32_t usable_size(uint32_t length) noexcept;

/** Registers `area` for the calling thread. Returns 0 or the errno of the refusal. One system call. */
int add(Area* area, uint32_t length) noexcept;

/** Unregisters `area`. Returns 0 or an errno; the kernel then continues to write into the area. One system call. */
int remove(Area* area, uint32_t length) noexcept;

/**
 * Whether `area` is what the calling thread has registered, with `length` bytes and RSEQ_SIGNATURE. Two system calls,
 * which change nothing and do not touch the memory of the area, so any address may be asked about.
 */
bool is_registered(Area* area, uint32_t length) noexcept;

} // namespace registering
} // namespace percpu

#endif // RSEQ_REGISTERING_H

/**
 * @file
 * How many CPUs the machine can have.
 */
#ifndef RSEQ_CPUS_H
#define RSEQ_CPUS_H

#include <cstddef>
#include <cstdint>

namespace percpu {

/**
 * The number of shards that per-CPU data needs: the highest *possible* CPU id plus one, at least 1. The number of
 * online or allowed CPUs is not enough: ids may have gaps, and CPUs come and go. Reads
 * `/sys/devices/system/cpu/possible`, or asks sysconf if there is no sysfs. Thread-safe.
 */
uint32_t possible_cpus() noexcept;

/** The highest CPU id plus one in a list such as "0-3,8-11\n", or 0 if the text is not a list of CPUs. O(length). */
uint32_t parse_possible(const char* text, size_t length) noexcept;

} // namespace percpu

#endif // RSEQ_CPUS_H

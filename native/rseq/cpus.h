/**
 * @file
 * How many CPUs there can ever be, and which one a thread may be pinned to.
 */
#ifndef RSEQ_CPUS_H
#define RSEQ_CPUS_H

#include <cstddef>
#include <cstdint>

namespace rseq {

/**
 * The number of shards that per-CPU data needs: the highest *possible* CPU id plus one. Not the
 * online or allowed CPUs: ids may be sparse, and CPUs come and go. At least 1.
 * Reads `/sys/devices/system/cpu/possible`, or asks sysconf where there is no sysfs.
 */
uint32_t possible_cpus() noexcept;

/** As possible_cpus(), from text such as "0-3,8-11\n". 0 if the text is no such list. */
uint32_t parse_possible(const char* text, size_t length) noexcept;

} // namespace rseq

#endif // RSEQ_CPUS_H

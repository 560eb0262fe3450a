/**
 * @file
 * The results of the hot operations: a Status or an Outcome as a number.
 */
#ifndef RSEQ_ADDON_ANSWER_H
#define RSEQ_ADDON_ANSWER_H

#include "../percpu/status.h"
#include "../rseq/abi.h"

#include <cstdint>

namespace percpu {
namespace addon {

inline uint32_t answer(Status status) noexcept {
  return static_cast<uint32_t>(status);
}

/** An Outcome as a result. No Status has the number of an Outcome, except 0 for success. */
inline uint32_t answer(Outcome outcome) noexcept {
  static_assert(static_cast<uint32_t>(Outcome::done) == static_cast<uint32_t>(Status::ok));
  static_assert(static_cast<uint32_t>(Outcome::inconsistent) < static_cast<uint32_t>(Status::bad_handle));
  return static_cast<uint32_t>(outcome);
}

/** An operation on the locks of CPUs adds this to the locked shard if the lock's last owner ended while it held the
 * lock. */
constexpr uint32_t kLastOwnerDied = 1u << 20;

/** The shard if the operation succeeded, else -Status. */
inline int32_t answer(Status status, uint32_t shard) noexcept {
  if (__builtin_expect(status == Status::ok, true))
    return static_cast<int32_t>(shard);
  return status == Status::owner_died ? static_cast<int32_t>(shard | kLastOwnerDied)
                                      : -static_cast<int32_t>(answer(status));
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_ANSWER_H

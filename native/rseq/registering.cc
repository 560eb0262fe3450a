#include "registering.h"

#include <cerrno>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif
#ifndef AT_RSEQ_ALIGN
#define AT_RSEQ_ALIGN 28
#endif

namespace percpu {
namespace registering {
namespace {

constexpr int kUnregister = 1;

/** A signature that no library uses. */
constexpr uint32_t kWrongSignature = RSEQ_SIGNATURE ^ 0x2a5c17e1;

/** A kernel that asked for more than this would not be believed: the original registration serves then. */
constexpr unsigned long kLargest = 4096;

/** Returns 0 or an errno. The caller's errno stays as it is. */
int call(Area* area, uint32_t length, int flags, uint32_t signature) noexcept {
  const int before = errno;
  const int refusal = syscall(RSEQ_SYSCALL, area, length, flags, signature) == 0 ? 0 : errno;
  errno = before;
  return refusal;
}

uint32_t feature_size() noexcept {
  const unsigned long size = getauxval(AT_RSEQ_FEATURE_SIZE);
  return size != 0 && size <= kLargest ? static_cast<uint32_t>(size) : kOriginalFeatureSize;
}

} // namespace

uint32_t full_length() noexcept {
  const uint32_t size = feature_size();
  return size > kAreaLength ? size : kAreaLength;
}

size_t alignment() noexcept {
  const unsigned long wanted = getauxval(AT_RSEQ_ALIGN);
  const bool is_sound = wanted > alignof(Area) && wanted <= kLargest && (wanted & (wanted - 1)) == 0;
  return is_sound ? wanted : alignof(Area);
}

size_t room() noexcept {
  const size_t aligned = alignment();
  return (full_length() + aligned - 1) / aligned * aligned;
}

uint32_t usable_size(uint32_t length) noexcept {
  const uint32_t size = feature_size();
  return size < length ? size : length;
}

int add(Area* area, uint32_t length) noexcept {
  return call(area, length, 0, RSEQ_SIGNATURE);
}

int remove(Area* area, uint32_t length) noexcept {
  return call(area, length, kUnregister, RSEQ_SIGNATURE);
}

bool is_registered(Area* area, uint32_t length) noexcept {
  // The kernel compares address and length first and answers EINVAL if they differ, then the signature (EPERM).
  const int refusal = call(area, length, kUnregister, kWrongSignature);
  if (refusal == 0)
    call(area, length, 0, kWrongSignature); // The wrong signature was the right one: this undoes the unregistration.
  if (refusal != EPERM)
    return false;
  // This cannot register anything, as the thread has an area. EBUSY says that it is this one, with our signature. A
  // sandbox that answered EPERM above answers so again.
  return add(area, length) == EBUSY;
}

} // namespace registering
} // namespace percpu

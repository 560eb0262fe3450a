/**
 * Preloaded into a process: an arm64 kernel of another release, as far as uname() tells, one that never aborts a
 * section, and one that wants or refuses areas of other sizes.
 *
 *   RSEQ_TEST_RELEASE=6.19.3     what uname() says, beside the machine aarch64
 *   RSEQ_TEST_NEVER_ABORTS=1     a registration succeeds and the kernel never hears of it; to be used where libc
 * registers no thread. The process keeps to one CPU, so that the CPU's number stays right.
 *   RSEQ_TEST_FEATURE_SIZE=33    the kernel says that it fills so many bytes of an area, which is to be aligned to 64
 *   RSEQ_TEST_LARGEST=32         the kernel refuses longer areas
 */
#include "../../native/rseq/abi.h"

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sched.h>
#include <sys/utsname.h>

namespace {

bool never_aborts() {
  return getenv("RSEQ_TEST_NEVER_ABORTS") != nullptr;
}

template <typename Function> Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

[[gnu::constructor]] void keep_to_one_cpu() {
  if (!never_aborts())
    return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof(one), &one);
}

} // namespace

extern "C" unsigned long getauxval(unsigned long type) noexcept {
  constexpr unsigned long kFeatureSize = 27, kAlign = 28, kAlignment = 64;
  const char* size = getenv("RSEQ_TEST_FEATURE_SIZE");
  if (size != nullptr && type == kFeatureSize)
    return strtoul(size, nullptr, 10);
  if (size != nullptr && type == kAlign)
    return kAlignment;
  return next<unsigned long(unsigned long)>("getauxval")(type);
}

extern "C" int uname(utsname* answer) noexcept {
  const int result = next<int(utsname*)>("uname")(answer);
  const char* release = getenv("RSEQ_TEST_RELEASE");
  if (result == 0 && release != nullptr) {
    strcpy(answer->machine, "aarch64");
    strncpy(answer->release, release, sizeof(answer->release) - 1);
  }
  return result;
}

extern "C" long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments)
    argument = va_arg(list, long);
  va_end(list);
  // A call without an area registers nothing: the kernel itself refuses it.
  if (number == RSEQ_SYSCALL && never_aborts() && arguments[0] != 0) {
    auto* area = reinterpret_cast<percpu::Area*>(arguments[0]);
    const bool registers = (arguments[2] & 1) == 0;
    area->cpu_id_start = area->cpu_id = registers ? static_cast<uint32_t>(sched_getcpu()) : UINT32_MAX;
    return 0;
  }
  const char* largest = getenv("RSEQ_TEST_LARGEST");
  if (number == RSEQ_SYSCALL && largest != nullptr && arguments[1] > strtol(largest, nullptr, 10)) {
    errno = EINVAL;
    return -1;
  }
  static auto* const real = next<long(long, ...)>("syscall");
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/**
 * Preloaded into a process: a library that registers each thread for rseq before the package can, as early versions of
 * librseq and tcmalloc do, and publishes `__rseq_abi`. To be used where libc registers no thread. EARLY_ADOPTER says
 * how it behaves:
 *
 *   registers       it registers the published area, with the original length
 *   full-length     it registers the published area, with the length that the kernel wants
 *   publishes-only  it registers nothing
 *   signature       it registers the published area, with a signature of its own
 *   elsewhere       it registers another area; the published one looks as if it were registered, for CPU 0
 */
#include "../../native/rseq/abi.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned long kFeatureSize = 27; // AT_RSEQ_FEATURE_SIZE
constexpr uint32_t kOtherSignature = RSEQ_SIGNATURE + 1;

/** Room for what newer kernels write, and their alignment. */
struct alignas(256) Room {
  percpu::Area area;
};

thread_local Room hidden = {};

bool behaves(const char* way) {
  const char* wanted = getenv("EARLY_ADOPTER");
  return wanted != nullptr && strcmp(wanted, way) == 0;
}

uint32_t full_length() {
  const unsigned long size = getauxval(kFeatureSize);
  return size > percpu::kAreaLength ? static_cast<uint32_t>(size) : percpu::kAreaLength;
}

} // namespace

extern "C" thread_local Room __rseq_abi;
thread_local Room __rseq_abi = {{0, UINT32_MAX, 0, 0, 0, 0, 0}};

namespace {

void register_thread() {
  percpu::Area* area = &__rseq_abi.area;
  if (behaves("publishes-only"))
    return;
  if (behaves("elsewhere")) {
    area->cpu_id = area->cpu_id_start = 0;
    area = &hidden.area;
  }
  const uint32_t length = behaves("full-length") ? full_length() : percpu::kAreaLength;
  const uint32_t signature = behaves("signature") ? kOtherSignature : RSEQ_SIGNATURE;
  // A refusal would let a test pass for the wrong reason.
  if (syscall(RSEQ_SYSCALL, area, length, 0, signature) != 0)
    abort();
}

[[gnu::constructor]] void register_first_thread() {
  register_thread();
}

struct Start {
  void* (*function)(void*);
  void* argument;
};

void* begin(void* start) {
  const Start mine = *static_cast<Start*>(start);
  free(start);
  register_thread();
  return mine.function(mine.argument);
}

} // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
                              void* argument) noexcept {
  using Create = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static auto* const create = reinterpret_cast<Create*>(dlsym(RTLD_NEXT, "pthread_create"));
  auto* start = static_cast<Start*>(malloc(sizeof(Start)));
  *start = {function, argument};
  return create(thread, attributes, begin, start);
}

#include "published_area.h"

#include "glibc_floor.h"
#include "registering.h"

#if !defined(RSEQ_STATIC_LIBC)
#include <dlfcn.h>
#endif

#if defined(RSEQ_STATIC_LIBC)
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name on which libraries have agreed.
extern "C" [[gnu::weak]] __thread percpu::Area __rseq_abi;
#endif

namespace percpu {
namespace {

/** The address of the calling thread's `__rseq_abi`; any other address if there is no such symbol. */
Area* published_address() noexcept {
#if defined(RSEQ_STATIC_LIBC)
  // In a program that lacks the symbol, this is some address near the thread pointer. The kernel does not confirm it.
  return &__rseq_abi;
#else
  // dlsym() answers with the calling thread's instance of a thread-local symbol.
  return static_cast<Area*>(dlsym(RTLD_DEFAULT, "__rseq_abi"));
#endif
}

} // namespace

PublishedArea published_area() noexcept {
  Area* area = published_address();
  if (area == nullptr || reinterpret_cast<uintptr_t>(area) % alignof(Area) != 0)
    return {nullptr, 0};
  // Libraries register the original length, the size of the fields that the kernel knows, or what they allocate for it.
  const uint32_t lengths[] = {kAreaLength, registering::full_length(), static_cast<uint32_t>(registering::room())};
  for (const uint32_t length : lengths) {
    if (registering::is_registered(area, length))
      return {area, length};
  }
  return {nullptr, 0};
}

} // namespace percpu

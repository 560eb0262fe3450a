#include "thread.h"

#include "glibc_floor.h"

#include <cerrno>
#include <cstdlib>
#if !defined(RSEQ_STATIC_LIBC)
#include <dlfcn.h>
#endif
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

#if defined(RSEQ_STATIC_LIBC)
extern "C" {
[[gnu::weak]] extern const unsigned int __rseq_size;
[[gnu::weak]] extern const ptrdiff_t __rseq_offset;
}
#endif

namespace rseq {
namespace {

constexpr int kUnregisterFlag = 1;

/** The area of every thread that has none. Only ever read: no index in it passes a bounds check. */
Area unregistered = {0, UINT32_MAX, 0, 0, 0, 0, 0};

// Trivial types only: their thread-local storage needs no constructor, and takes 24 bytes.
thread_local Area* own = &unregistered;
thread_local uint32_t own_users = 0;
thread_local int own_error = 0;

uint32_t feature_size() noexcept {
  const unsigned long size = getauxval(AT_RSEQ_FEATURE_SIZE);
  return size != 0 ? static_cast<uint32_t>(size) : kOriginalFeatureSize;
}

uint32_t min(uint32_t a, uint32_t b) noexcept {
  return a < b ? a : b;
}

#if defined(RSEQ_STATIC_LIBC)
// A program that holds libc itself (RSEQ_STATIC_LIBC says so) has no list of required versions to
// keep short, and dlsym finds nothing in it.
const uint32_t libc_size = &__rseq_size != nullptr ? __rseq_size : 0;
const ptrdiff_t libc_area_offset = &__rseq_offset != nullptr ? __rseq_offset : 0;
#else
/**
 * A constant of libc's, or 0 where libc has none of that name. Asked for by name at run time: a weak
 * symbol would do too, but as soon as the linker has another reason to look into ld.so (thread-local
 * storage, a stack protector) it puts glibc 2.35 on the list of what the binary requires.
 */
template <typename Number> Number libc_constant(const char* name) noexcept {
  const void* symbol = dlsym(RTLD_DEFAULT, name);
  return symbol != nullptr ? *static_cast<const Number*>(symbol) : Number{0};
}

const uint32_t libc_size = libc_constant<unsigned int>("__rseq_size");
const ptrdiff_t libc_area_offset = libc_constant<ptrdiff_t>("__rseq_offset");
#endif

/**
 * How much of libc's area is filled. glibc 2.35 to 2.39 says 32 and some builds 20 whatever the
 * kernel does; later ones say what is active. The version is no guide, because distributions
 * backport; the value is.
 */
uint32_t libc_usable_size() noexcept {
  if (libc_size == kOriginalFeatureSize || libc_size == kAreaLength)
    return min(kAreaLength, feature_size());
  return libc_size;
}

long sys_rseq(Area* area, int flags) noexcept {
  return syscall(RSEQ_SYSCALL, area, kAreaLength, flags, RSEQ_SIGNATURE);
}

Registration register_own() noexcept {
  if (own == &unregistered) {
    // On the heap: thread-local storage of that size and alignment fails dlopen under Node.
    void* memory = nullptr;
    if (posix_memalign(&memory, alignof(Area), sizeof(Area)) != 0) {
      own_error = ENOMEM;
      return {Owner::none, 0, own_error};
    }
    Area* area = static_cast<Area*>(memory);
    *area = unregistered;
    if (sys_rseq(area, 0) != 0) {
      own_error = errno;
      free(area);
      return {Owner::none, 0, own_error};
    }
    own = area;
    own_error = 0;
  }
  own_users++;
  return registration();
}

} // namespace

namespace detail {

bool adopted_from_libc = libc_usable_size() != 0;
ptrdiff_t libc_offset = libc_area_offset;

Area* own_area() noexcept {
  return own;
}

} // namespace detail

Registration registration() noexcept {
  if (detail::adopted_from_libc) {
    // libc's area is there for every thread, but one that was not made by libc is not registered (cpu_id
    // is -1 or -2). (Where a sandbox forbids the call to new threads, glibc ends the process instead.)
    return is_registered(current_area()) ? Registration{Owner::libc, libc_usable_size(), 0}
                                         : Registration{Owner::none, 0, EPERM};
  }
  return own != &unregistered ? Registration{Owner::self, min(kAreaLength, feature_size()), 0}
                              : Registration{Owner::none, 0, own_error};
}

Registration attach() noexcept {
  return detail::adopted_from_libc ? registration() : register_own();
}

void detach() noexcept {
  if (own_users == 0 || --own_users != 0)
    return;
  Area* area = own;
  own = &unregistered;
  // Should the kernel refuse, it goes on writing into the area: then leaking 32 bytes is the safe choice.
  if (sys_rseq(area, kUnregisterFlag) == 0)
    free(area);
}

} // namespace rseq

#include "thread.h"

#include "glibc_floor.h"
#include "published_area.h"
#include "registering.h"
#include "verify.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#if !defined(RSEQ_STATIC_LIBC)
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <sys/utsname.h>

#if defined(RSEQ_STATIC_LIBC)
// NOLINTBEGIN(bugprone-reserved-identifier): these are glibc's own names.
extern "C" {
[[gnu::weak]] extern const unsigned int __rseq_size;
[[gnu::weak]] extern const ptrdiff_t __rseq_offset;
}
// NOLINTEND(bugprone-reserved-identifier)
#endif

namespace percpu {
namespace {

/** The area of every thread that is not registered. Nothing writes it; its cpu_id fails every bounds check. */
Area unregistered = {0, UINT32_MAX, 0, 0, 0, 0, 0};

// Thread-local storage of trivial types needs no constructor. These take 24 bytes.
thread_local Area* own = &unregistered; ///< The area that this library registered, or that of another library.
thread_local Owner own_owner = Owner::none;
thread_local uint32_t own_length = 0;
thread_local uint32_t own_users = 0;
thread_local int own_error = 0;

/** Whether any thread has had an area that libc did not register. */
bool has_registered = false;

#if defined(RSEQ_STATIC_LIBC)
// In a program that is linked statically with libc, dlsym() finds nothing. Any other one requires the glibc that it was
// linked with anyway.
const uint32_t libc_size = &__rseq_size != nullptr ? __rseq_size : 0;
const ptrdiff_t libc_area_offset = &__rseq_offset != nullptr ? __rseq_offset : 0;
#else
/**
 * A constant of libc, or 0 if libc has none of that name. dlsym() finds it at run time. A weak symbol would make the
 * binary require glibc 2.35 as soon as the linker uses ld.so for another reason (thread-local storage, a stack
 * protector).
 */
template <typename Number> Number libc_constant(const char* name) noexcept {
  const void* symbol = dlsym(RTLD_DEFAULT, name);
  return symbol != nullptr ? *static_cast<const Number*>(symbol) : Number{0};
}

const uint32_t libc_size = libc_constant<unsigned int>("__rseq_size");
const ptrdiff_t libc_area_offset = libc_constant<ptrdiff_t>("__rseq_offset");
#endif

/**
 * The length that libc registered its areas with. `__rseq_size` of glibc 2.35 to 2.40 is 32, in some builds 20, and the
 * length is 32. In later versions it is the size of the fields that the kernel fills, and the length is at least 32.
 */
uint32_t libc_length() noexcept {
  return libc_size > kAreaLength ? libc_size : kAreaLength;
}

/** How many bytes of libc's area the kernel fills. Distributions backport, so the value decides, not the version. */
uint32_t libc_usable_size() noexcept {
  if (libc_size == kOriginalFeatureSize || libc_size == kAreaLength)
    return registering::usable_size(kAreaLength);
  return libc_size;
}

/**
 * Every thread has libc's area, but libc does not register the area of a thread that it did not make (cpu_id is -1 or
 * -2). If a sandbox forbids new threads the system call, glibc ends the process.
 */
Registration libc_registration() noexcept {
  return is_registered(detail::untested_area()) ? Registration{Owner::libc, libc_usable_size(), 0, libc_length()}
                                                : Registration{Owner::none, 0, EPERM, 0};
}

/** The other library may have unregistered its area meanwhile, which the area's cpu_id then says. */
Registration own_registration() noexcept {
  return is_registered(own) ? Registration{own_owner, registering::usable_size(own_length), 0, own_length}
                            : Registration{Owner::none, 0, own_error, 0};
}

/** Registers `area`, which has room for both lengths: the full one, or the original one if the kernel refuses that. */
int add_either(Area* area, uint32_t& length) noexcept {
  length = registering::full_length();
  int refusal = registering::add(area, length);
  if (refusal != 0 && length > kAreaLength) {
    length = kAreaLength;
    refusal = registering::add(area, length);
  }
  return refusal;
}

/** Finds an area for the calling thread, which has none. Returns 0 or the errno of the refusal. */
int find_area() noexcept {
  // The area is on the heap, as dlopen() fails under Node if thread-local storage has this size and alignment.
  const size_t size = registering::room();
  void* memory = nullptr;
  if (posix_memalign(&memory, registering::alignment(), size) != 0)
    return ENOMEM;
  memset(memory, 0, size);
  Area* area = static_cast<Area*>(memory);
  *area = unregistered;
  uint32_t length;
  const int refusal = add_either(area, length);
  if (refusal == 0) {
    own = area;
    own_length = length;
    own_owner = Owner::self;
    return 0;
  }
  free(area);
  // EINVAL: the thread has another area, or the kernel wants another size.
  const PublishedArea published = refusal == EINVAL ? published_area() : PublishedArea{nullptr, 0};
  if (published.area == nullptr)
    return refusal;
  own = published.area;
  own_length = published.length;
  own_owner = Owner::library;
  return 0;
}

Registration attach_own() noexcept {
  if (!is_registered(own)) {
    own = &unregistered;
    own_owner = Owner::none;
    own_error = find_area();
    if (own_error != 0)
      return own_registration();
    __atomic_store_n(&has_registered, true, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  }
  own_users++;
  return own_registration();
}

/** Prevents the unloading of the shared library that contains this code. Does nothing in a program. */
void pin_library() noexcept {
#if defined(__GLIBC__) && !defined(RSEQ_STATIC_LIBC)
  Dl_info own_library;
  if (dladdr(&unregistered, &own_library) != 0 && own_library.dli_fname != nullptr)
    dlopen(own_library.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

/** Runs when this code is loaded, as threads that libc registers may run sections without attach(). */
SelfTest state_at_load() noexcept {
  pin_library();
  utsname kernel;
  const bool is_doubtful = uname(&kernel) != 0 || needs_self_test(kernel.machine, kernel.release);
  return is_doubtful ? SelfTest::pending : SelfTest::not_needed;
}

uint32_t kernel_state = static_cast<uint32_t>(state_at_load()); ///< A SelfTest; an integer for the atomic builtins.
pthread_mutex_t kernel_test = PTHREAD_MUTEX_INITIALIZER;

bool libc_has_areas() noexcept {
  return libc_usable_size() != 0;
}

/** Runs the self-test, unless another thread has run it meanwhile. `mine`: the calling thread's registration. */
void test_kernel(Registration& mine) noexcept {
  pthread_mutex_lock(&kernel_test);
  mine = detail::attach_untested();
  // A thread that is not registered cannot run the test. The next registered thread runs it.
  if (self_test() == SelfTest::pending && mine.owner != Owner::none) {
    const bool is_good = passed(verify(false));
    if (is_good && libc_has_areas())
      __atomic_store_n(&detail::adopted_from_libc, true, __ATOMIC_RELEASE);
    const SelfTest verdict = is_good ? SelfTest::passed : SelfTest::failed;
    __atomic_store_n(&kernel_state, static_cast<uint32_t>(verdict), __ATOMIC_RELEASE);
  }
  if (self_test() == SelfTest::failed) {
    detach();
    mine = registration();
  }
  pthread_mutex_unlock(&kernel_test);
}

} // namespace

namespace detail {

bool adopted_from_libc = libc_has_areas() && self_test() == SelfTest::not_needed;
ptrdiff_t libc_offset = libc_area_offset;

Area* own_area() noexcept {
  return own;
}

Area* untested_area() noexcept {
  return libc_has_areas() ? reinterpret_cast<Area*>(thread_pointer() + libc_offset) : own;
}

Registration attach_untested() noexcept {
  return libc_has_areas() ? libc_registration() : attach_own();
}

} // namespace detail

SelfTest self_test() noexcept {
  return static_cast<SelfTest>(__atomic_load_n(&kernel_state, __ATOMIC_ACQUIRE));
}

bool may_run_sections() noexcept {
  return libc_has_areas() || __atomic_load_n(&has_registered, __ATOMIC_SEQ_CST);
}

Registration registration() noexcept {
  if (self_test() == SelfTest::failed)
    return {Owner::none, 0, ENOTSUP, 0};
  return detail::adopted_from_libc ? libc_registration() : own_registration();
}

Registration attach() noexcept {
  const SelfTest state = self_test();
  if (state == SelfTest::failed)
    return registration();
  if (state != SelfTest::pending)
    return detail::attach_untested();
  Registration mine;
  test_kernel(mine);
  return mine;
}

void detach() noexcept {
  if (own_users == 0 || --own_users != 0)
    return;
  Area* area = own;
  const Owner owner = own_owner;
  own = &unregistered;
  own_owner = Owner::none;
  // If the kernel refuses, it continues to write into the area, so the area must not be freed.
  if (owner == Owner::self && registering::remove(area, own_length) == 0)
    free(area);
}

} // namespace percpu

#include "fence_rows.h"

#include "../rseq/glibc_floor.h"
#include "../rseq/membarrier.h"
#include "../rseq/thread.h"

#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {
namespace fence_rows {
namespace {

// The kernel's FUTEX_WAIT and FUTEX_WAKE, without the private flag: waiters are in other processes.
constexpr int kFutexWait = 0;
constexpr int kFutexWake = 1;

constexpr size_t kStackBytes = size_t{256} << 10;
constexpr long kNsPerMs = 1000000;

/** False if the kernel cannot let the thread sleep. @param milliseconds 0: without an end. */
bool sleep_while(uint32_t* word, uint32_t seen, uint32_t milliseconds) noexcept {
  const timespec most = {milliseconds / 1000, static_cast<long>(milliseconds % 1000) * kNsPerMs};
  const timespec* const until = milliseconds == 0 ? nullptr : &most;
  return syscall(SYS_futex, word, kFutexWait, seen, until, nullptr, 0) == 0 || errno == EAGAIN || errno == EINTR ||
         errno == ETIMEDOUT;
}

void wake_all(uint32_t* word) noexcept {
  syscall(SYS_futex, word, kFutexWake, INT_MAX, nullptr, nullptr, 0);
}

/** Changes the state, but never one that holds until the slot is free. */
void set_state(Row& row, State wanted) noexcept {
  uint32_t seen = __atomic_load_n(&row.state, __ATOMIC_RELAXED);
  if (seen != wanted && seen != unreachable)
    __atomic_compare_exchange_n(&row.state, &seen, uint32_t{wanted}, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/** Whether a ticket is served, for numbers that may wrap. */
bool covers(uint32_t served, uint32_t ticket) noexcept {
  return static_cast<int32_t>(served - ticket) >= 0;
}

/** The helper thread: serves its row until the process ends. */
void* serve(void* argument) noexcept {
  Row& row = *static_cast<Row*>(argument);
  prctl(PR_SET_NAME, "rseq-fence", 0, 0, 0);
  for (;;) {
    // Barrier S: pairs with R in native/percpu/fence_rows.cc.
    const uint32_t seen = __atomic_load_n(&row.asked, __ATOMIC_SEQ_CST);
    if (seen == __atomic_load_n(&row.served, __ATOMIC_RELAXED)) {
      if (!sleep_while(&row.asked, seen, 0))
        break;
      continue;
    }
    // The answer must be there before the number, by which waiters know that there is an answer.
    set_state(row, !may_run_sections() || membarrier::fence() ? ready : incapable);
    // Barrier T: pairs with U in native/percpu/fence_rows.cc.
    __atomic_store_n(&row.served, seen, __ATOMIC_RELEASE);
    wake_all(&row.served);
  }
  set_state(row, incapable);
  return nullptr;
}

bool start_helper(Row& row) noexcept {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_t helper;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // A signal that the program handles must run on one of the program's own threads.
  bool is_made = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
  if (is_made) {
    is_made = pthread_create(&helper, &attributes, serve, &row) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  pthread_attr_destroy(&attributes);
  return is_made;
}

} // namespace

void begin(Row& row) noexcept {
  // The first fence may take milliseconds to register the process; nobody waits for it later.
  membarrier::enable();
  __atomic_store_n(&row.state, uint32_t{ready}, __ATOMIC_RELAXED);
  if (!start_helper(row))
    set_state(row, incapable);
}

uint32_t ask(Row& row) noexcept {
  // Barrier R: pairs with S in native/percpu/fence_rows.cc.
  const uint32_t ticket = __atomic_add_fetch(&row.asked, 1, __ATOMIC_SEQ_CST);
  wake_all(&row.asked);
  return ticket;
}

Answer await(Row& row, uint32_t ticket) noexcept {
  // Barrier U: pairs with T in native/percpu/fence_rows.cc.
  const uint32_t served = __atomic_load_n(&row.served, __ATOMIC_ACQUIRE);
  const uint32_t state = __atomic_load_n(&row.state, __ATOMIC_SEQ_CST);
  if (state == unreachable || state == incapable)
    return Answer::never;
  if (covers(served, ticket))
    return Answer::done;
  return sleep_while(&row.served, served, 1) ? Answer::not_yet : Answer::never;
}

void mark_late(Row& row) noexcept {
  uint32_t expected = ready;
  __atomic_compare_exchange_n(&row.state, &expected, uint32_t{late}, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void mark_unreachable(Row& row) noexcept {
  __atomic_exchange_n(&row.state, uint32_t{unreachable}, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool is_late(const Row& row) noexcept {
  return __atomic_load_n(&row.state, __ATOMIC_RELAXED) == late;
}

} // namespace fence_rows
} // namespace percpu

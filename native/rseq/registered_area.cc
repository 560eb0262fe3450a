#include "registered_area.h"

#include "thread.h"

#include <ctime>

namespace percpu {
namespace {

constexpr int kProbes = 4;
/** An interrupt in the thread's own code makes the kernel look in V2 as well: one of the sleeps may say so by chance.
 */
constexpr int kProbesOfV2 = 2;
/** Long enough that the thread is still running when the kernel has armed the timer, and really sleeps. */
constexpr long kProbeSleepNs = 100'000;

/**
 * Whether the kernel leaves `rseq_cs` alone while the thread sleeps in a system call. After a section has ended, its
 * descriptor stays in `rseq_cs` until the kernel looks at it.
 */
bool kernel_looks_at_interrupts_only(Area* area) noexcept {
  int untouched = 0;
  for (int i = 0; i < kProbes; i++) {
    int64_t word = 0;
    load_add_store(here(Index::cpu_id), &word, 1);
    const timespec duration = {0, kProbeSleepNs};
    nanosleep(&duration, nullptr);
    untouched += __atomic_load_n(&area->rseq_cs, __ATOMIC_RELAXED) != 0;
  }
  return untouched >= kProbesOfV2;
}

} // namespace

RegisteredArea registered_area() noexcept {
  const Registration mine = registration();
  if (mine.owner == Owner::none)
    return {Mode::none, 0, 0};
  Area* area = current_area();
  const uint32_t flags = __atomic_load_n(&area->flags, __ATOMIC_RELAXED);
  // A kernel without extensions of the time slice writes no flag, in either mode.
  const bool is_v2 =
      mine.length > kAreaLength && ((flags & kSliceAvailable) != 0 || kernel_looks_at_interrupts_only(area));
  return {is_v2 ? Mode::v2 : Mode::legacy, mine.length, flags};
}

} // namespace percpu

/**
 * @file
 * Which mode a registration gets, by what the kernel does, and whether the library says the same. `registration_mode
 * legacy|v2` fails unless areas of the full length get that mode, and those of 32 bytes the legacy mode.
 *
 * To be run where libc registers no thread. The thread writes to `cpu_id_start`, which only the kernel may write:
 *
 *     mode     the thread sleeps                 the thread moves to another CPU
 *     legacy   the kernel corrects the field     the kernel corrects the field
 *     v2       the field stays as it is          the kernel ends the process (SIGSEGV)
 */
#include "../../../native/rseq/registered_area.h"
#include "../../../native/rseq/registering.h"
#include "../../../native/rseq/thread.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <new>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace percpu;

namespace {

constexpr uint32_t kWrong = 77; // No machine of these tests has so many CPUs.

/** What a child found out before it ended, in memory that it shares with its parent. */
struct Seen {
  int refusal = 0;
  bool has_moved = false;     ///< A thread that wrote nothing has moved, and lives.
  bool is_left_alone = false; ///< The wrong id was still there after a sleep.
  bool has_survived = false;  ///< The thread moved with a wrong id, and lives.
  bool is_corrected = false;  ///< After which the id was right.
  uint32_t flags = 0;
  Mode mode = Mode::none; ///< What the library says of such an area.
};

bool move_to(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(cpu), &one);
  return sched_setaffinity(0, sizeof(one), &one) == 0;
}

/** Volatile, as the compiler knows nothing of the kernel's stores. */
volatile uint32_t& id_of(Area* area) {
  return *static_cast<volatile uint32_t*>(&area->cpu_id_start);
}

void misbehave(Seen& seen, uint32_t length) {
  void* memory = aligned_alloc(4096, 4096);
  memset(memory, 0, 4096);
  Area* area = static_cast<Area*>(memory);
  move_to(0);
  seen.refusal = registering::add(area, length);
  if (seen.refusal != 0)
    return;
  seen.flags = area->flags;
  move_to(1);
  seen.has_moved = id_of(area) == 1;
  id_of(area) = kWrong;
  const timespec millisecond = {0, 1'000'000};
  nanosleep(&millisecond, nullptr);
  seen.is_left_alone = id_of(area) == kWrong;
  move_to(0);
  seen.has_survived = true;
  seen.is_corrected = id_of(area) == 0;
}

void ask_library(Seen& seen) {
  if (attach().owner == Owner::self)
    seen.mode = registered_area().mode;
}

/** Runs `work` in a process of its own; returns its wait status. */
template <typename Work> int in_child(const Work& work) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

const char* name_of(Mode mode) {
  return mode == Mode::v2 ? "v2" : mode == Mode::legacy ? "legacy" : "none";
}

Mode mode_of(const Seen& seen, int status) {
  const bool is_punished = WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && !seen.has_survived;
  if (seen.has_moved && seen.is_left_alone && is_punished)
    return Mode::v2;
  if (seen.has_moved && !seen.is_left_alone && status == 0 && seen.is_corrected)
    return Mode::legacy;
  return Mode::none;
}

} // namespace

int main(int count, char** arguments) {
  const bool wants_v2 = count == 2 && strcmp(arguments[1], "v2") == 0;
  void* shared = mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 2;
  bool is_right = true;
  for (const uint32_t length : {kAreaLength, registering::full_length()}) {
    Seen& seen = *new (shared) Seen;
    const int status = in_child([&] { misbehave(seen, length); });
    const Mode found = mode_of(seen, status);
    const Mode expected = wants_v2 && length > kAreaLength ? Mode::v2 : Mode::legacy;
    is_right = is_right && found == expected;
    std::printf("%u bytes: %s (flags %#x; refused %d, moved %d, left alone %d, survived %d, corrected %d, signal %d)\n",
                length, name_of(found), seen.flags, seen.refusal, seen.has_moved, seen.is_left_alone, seen.has_survived,
                seen.is_corrected, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    const bool is_flagged = (seen.flags & kSliceAvailable) != 0;
    is_right = is_right && (found == Mode::v2 || !is_flagged);
  }
  Seen& seen = *new (shared) Seen;
  in_child([&] { ask_library(seen); });
  std::printf("the library says %s\n", name_of(seen.mode));
  is_right = is_right && seen.mode == (wants_v2 ? Mode::v2 : Mode::legacy);
  std::printf("%s: the mode is %s\n", is_right ? "as expected" : "not as expected", name_of(seen.mode));
  return is_right ? 0 : 1;
}

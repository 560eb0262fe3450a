#include "thread_binding.h"

#include "../percpu/owner.h"
#include "../rseq/clocks.h"
#include "../rseq/cpus.h"
#include "../rseq/membarrier.h"
#include "../rseq/registered_area.h"
#include "../rseq/thread.h"
#include "../rseq/tick_clock.h"
#include "../rseq/verify.h"
#include "environment.h"

#include <features.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace percpu {
namespace addon {
namespace {

const char* owner_name(Owner owner) {
  switch (owner) {
  case Owner::libc:
    return "libc";
  case Owner::self:
    return "self";
  case Owner::library:
    return "library";
  case Owner::none:
    break;
  }
  return "none";
}

const char* self_test_name(SelfTest state) {
  switch (state) {
  case SelfTest::not_needed:
    return "not needed";
  case SelfTest::passed:
    return "passed";
  case SelfTest::failed:
    return "failed";
  case SelfTest::pending:
    break;
  }
  return "pending";
}

/** The version of the running glibc, which may be newer than that of the build; empty on musl. */
const char* glibc_version() {
#ifdef __GLIBC__
  return gnu_get_libc_version();
#else
  return "";
#endif
}

/** thread(): the registration of the calling thread. */
napi_value thread(const Call& call) noexcept {
  const Registration now = registration();
  utsname kernel;
  Object result(call.env);
  result.text("owner", owner_name(now.owner))
      .number("usableSize", now.usable_size)
      .number("error", now.error)
      .text("selfTest", self_test_name(self_test()))
      .number("membarrier", membarrier::supported())
      .number("possibleCpus", possible_cpus())
      .text("kernel", uname(&kernel) == 0 ? kernel.release : "")
      .text("glibc", glibc_version())
      .number("threadId", static_cast<double>(syscall(SYS_gettid)));
  return result.value();
}

/** registeredArea(): the calling thread's area as the kernel describes it; null without registration. May sleep. */
napi_value registered_area_of_thread(const Call& call) noexcept {
  const RegisteredArea area = registered_area();
  if (area.mode == Mode::none)
    return call.null();
  return Object(call.env)
      .text("mode", area.mode == Mode::v2 ? "v2" : "legacy")
      .number("size", area.length)
      .boolean("hasSlices", (area.flags & kSliceAvailable) != 0)
      .boolean("usesSlices", (area.flags & kSliceEnabled) != 0)
      .value();
}

/** getcpu(what): the system call, for fields that the thread's area lacks. 0 asks for the CPU, 1 for the node. */
napi_value get_cpu(const Call& call) noexcept {
  unsigned cpu = 0, node = 0;
  syscall(SYS_getcpu, &cpu, &node, nullptr);
  uint32_t what = 0;
  return call.number(call.read(what) && what == 1 ? node : cpu);
}

/**
 * threadArea(): an Int32Array over the usable words of the calling thread's area; null if there is no area, or if the
 * runtime refuses foreign memory (Electron). It must never leave the package: on another thread, or after this thread
 * has ended, it would read freed memory.
 */
napi_value thread_area(const Call& call) noexcept {
  const Registration now = registration();
  if (now.owner == Owner::none)
    return call.null();
  const size_t words = (now.usable_size < kAreaLength ? now.usable_size : kAreaLength) / sizeof(int32_t);
  napi_value memory;
  napi_value view;
  if (!succeeded(napi_create_external_arraybuffer(call.env, current_area(), words * sizeof(int32_t), nullptr, nullptr,
                                                  &memory)) ||
      !succeeded(napi_create_typedarray(call.env, napi_int32_array, words, memory, 0, &view)))
    return call.null();
  return view;
}

/** verify(cached): the results of the self-test. Blocks for about a quarter of a second, unless it has cached results.
 */
napi_value run_verify(const Call& call) noexcept {
  bool cached;
  if (!call.read(cached))
    return nullptr;
  const Verification seen = verify(!cached);
  Object result(call.env);
  result.boolean("passed", passed(seen))
      .number("error", static_cast<uint32_t>(seen.error))
      .number("systemError", seen.system_error)
      .number("cpu", seen.cpu)
      .number("signals", seen.signals)
      .number("signalAborts", seen.signal_aborts)
      .number("preemptionTries", seen.preemption_tries)
      .number("preemptionAborts", seen.preemption_aborts)
      .number("expected", static_cast<double>(seen.expected))
      .number("counted", static_cast<double>(seen.counted))
      .number("aborts", static_cast<double>(seen.aborts))
      .number("controlExpected", static_cast<double>(seen.control_expected))
      .number("controlCounted", static_cast<double>(seen.control_counted));
  return result.value();
}

/** fence(cpu): aborts the sections that run on the CPU, or on all CPUs if none is given. False if it is not possible.
 */
napi_value run_fence(const Call& call) noexcept {
  uint32_t cpu;
  return call.boolean(membarrier::fence(call.read(cpu) ? cpu : membarrier::kAllCpus));
}

/** enableFences(): registers the process for fences by membarrier; false if the kernel has none. */
napi_value enable_fences(const Call& call) noexcept {
  return call.boolean(membarrier::enable());
}

/** owner(): the two halves of the calling thread's owner number; 0 and 0 if the thread cannot be an owner. */
napi_value owner(const Call& call) noexcept {
  const uint64_t self = this_owner();
  return Object(call.env)
      .number("low", static_cast<uint32_t>(self))
      .number("high", static_cast<uint32_t>(self >> 32))
      .value();
}

/** useThreads(words): sets the table in which the calling thread looks up portable threads. True if it succeeded. */
napi_value use_threads(const Call& call) noexcept {
  Words words;
  return call.boolean(call.read(words) && call.environment().keep_threads(words));
}

/** now(): CLOCK_MONOTONIC, in nanoseconds. */
napi_value now(const Call& call) noexcept {
  return call.bigint(monotonic_ns());
}

/** sampleClocks(): the counter that stamps records, its 64 bits as a signed number, and two clocks at one moment. */
napi_value run_sample_clocks(const Call& call) noexcept {
  const ClockSample now = sample_clocks();
  return Object(call.env)
      .value("ticks", call.bigint(static_cast<int64_t>(now.ticks)))
      .value("monotonic", call.bigint(now.monotonic))
      .value("realtime", call.bigint(now.realtime))
      .value();
}

/** timeOfTicks(ticks): CLOCK_MONOTONIC when the counter had that value, in nanoseconds. May spin for a millisecond. */
napi_value time_of_ticks(const Call& call) noexcept {
  int64_t at;
  return call.read(at) ? call.bigint(tick_clock().nanoseconds(static_cast<uint64_t>(at))) : nullptr;
}

/** wallTime(time): the wall-clock time of a moment of now(), in nanoseconds since 1970. */
napi_value wall_time(const Call& call) noexcept {
  int64_t time;
  return call.read(time) ? call.bigint(wall_ns(time)) : nullptr;
}

} // namespace

void export_thread(Environment& environment, Object& exports) noexcept {
  exports.function<thread>("thread", environment)
      .function<thread_area>("threadArea", environment)
      .function<registered_area_of_thread>("registeredArea", environment)
      .function<owner>("owner", environment)
      .function<use_threads>("useThreads", environment)
      .function<get_cpu>("getCpu", environment)
      .function<now>("now", environment)
      .function<wall_time>("wallTime", environment)
      .function<run_sample_clocks>("sampleClocks", environment)
      .function<time_of_ticks>("timeOfTicks", environment)
      .function<run_fence>("fence", environment)
      .function<enable_fences>("enableFences", environment)
      .function<run_verify>("verify", environment);
}

} // namespace addon
} // namespace percpu

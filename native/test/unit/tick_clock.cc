#include "../../rseq/tick_clock.h"

#include "../../rseq/ticks.h"
#include "harness.h"

#include <cstdlib>

using namespace percpu;

namespace {

constexpr int64_t kSecond = 1000000000;

/** Returns a clock of two ticks for each nanosecond that has looked twice. */
TickClock running() {
  TickClock clock = {};
  clock.look({1000, 500});
  clock.look({1000 + 2 * kSecond, 500 + kSecond});
  return clock;
}

} // namespace

TEST(a_clock_has_no_rate_before_its_second_look) {
  TickClock clock = {};
  CHECK_EQUAL(clock.nanoseconds(7), 0);
  CHECK(!clock.has_looked());
  clock.look({1000, 500});
  CHECK(clock.has_looked() && !clock.is_set());
  CHECK_EQUAL(clock.nanoseconds(7), 0);
}

TEST(a_clock_agrees_with_the_system_at_each_look) {
  TickClock clock = running();
  CHECK_EQUAL(clock.nanoseconds(1000), 500);
  CHECK_EQUAL(clock.nanoseconds(2000), 1000);
  CHECK_EQUAL(clock.nanoseconds(1000 + 2 * kSecond), 500 + kSecond);
  CHECK_EQUAL(clock.nanoseconds(998), 499); // This moment is before the first look.
  // Ten seconds later, the system's clock is slightly behind.
  const Moment late = {1000 + 22 * kSecond, 500 + 11 * kSecond - 12345};
  clock.look(late);
  CHECK_EQUAL(clock.nanoseconds(late.ticks), late.nanoseconds);
}

TEST(a_clock_never_goes_back) {
  TickClock clock = running();
  uint64_t ticks = 1000 + 2 * kSecond;
  int64_t nanoseconds = 500 + kSecond;
  srand(7);
  int64_t last = 0;
  for (int look = 0; look < 400; look++) {
    // The clock looks at any distance. Its rate varies by a thousandth, far more than a real rate does.
    const uint64_t passed = static_cast<uint64_t>(rand()) % (6ull * kSecond);
    ticks += passed;
    nanoseconds += static_cast<int64_t>(passed / 2 + passed / 1000 * static_cast<uint64_t>(rand() % 3));
    clock.look({ticks, nanoseconds});
    const int64_t now = clock.nanoseconds(ticks);
    CHECK(now >= last);
    for (uint64_t step = 1; step < 8; step++) {
      const uint64_t between = ticks - passed + passed / 8 * step;
      CHECK(clock.nanoseconds(between) <= now);
      CHECK(clock.nanoseconds(between) >= last);
    }
    last = now;
  }
}

TEST(a_clock_never_changes_the_time_of_an_old_stamp) {
  TickClock clock = running();
  // A second long, as it has looked at a second.
  const uint64_t edge = 1000 + 4 * kSecond;
  const int64_t said = clock.nanoseconds(edge), earlier = clock.nanoseconds(5000);
  clock.look({edge - 10, said + 77777});
  CHECK_EQUAL(clock.nanoseconds(edge), said);
  clock.look({edge + 4 * kSecond, said + 2 * kSecond + 77777});
  CHECK_EQUAL(clock.nanoseconds(edge), said);
  CHECK_EQUAL(clock.nanoseconds(5000), earlier);
}

TEST(a_clock_ignores_a_look_back_and_takes_any_stamp) {
  TickClock clock = running();
  clock.look({900, 400});
  clock.look({1000 + 2 * kSecond, 400});
  CHECK_EQUAL(clock.nanoseconds(2000), 1000);
  for (const uint64_t wild : {uint64_t{0}, UINT64_MAX, uint64_t{1} << 63, (uint64_t{1} << 63) - 1})
    CHECK_EQUAL(clock.nanoseconds(wild), clock.nanoseconds(wild));
}

namespace {

/** A machine with two ticks for each nanosecond. Its counter may go on, stop or restart during a suspend. */
struct Machine {
  double ticks;
  double nanoseconds;
  double suspended = 0;

  void run(double seconds) {
    ticks += seconds * 2e9;
    nanoseconds += seconds * 1e9;
  }
  Moment now() const {
    return {static_cast<uint64_t>(ticks), static_cast<int64_t>(nanoseconds), static_cast<int64_t>(suspended)};
  }
};

/** Runs for so many seconds with a reader that looks ten times a second when the clock says that a look is due. */
void run_with_reader(TickClock& clock, Machine& machine, double seconds) {
  for (int turn = 0; turn < static_cast<int>(seconds * 10); turn++) {
    machine.run(0.1);
    if (clock.is_due(machine.now()))
      clock.look(machine.now());
  }
}

TickClock watched(Machine& machine) {
  TickClock clock = {};
  clock.look(machine.now());
  machine.run(0.001);
  clock.look(machine.now());
  run_with_reader(clock, machine, 20);
  return clock;
}

bool is_right(const TickClock& clock, const Machine& machine) {
  const double off = static_cast<double>(clock.nanoseconds(machine.now().ticks)) - machine.nanoseconds;
  return off < 1e6 && off > -1e6;
}

} // namespace

TEST(a_clock_is_right_a_second_after_a_suspend) {
  // The counter goes on, stands still, or is reset; and the kernel says how long it was, or does not.
  for (const double length : {0.05, 2.0, 3600.0}) {
    for (const double counted : {1.0, 0.0, -1.0}) {
      for (const bool is_told : {true, false}) {
        Machine machine = {1e14, 5e13};
        TickClock clock = watched(machine);
        CHECK(is_right(clock, machine));
        for (int suspend = 0; suspend < 5; suspend++) {
          const Moment before = machine.now();
          machine.ticks = counted < 0 ? 1e9 : machine.ticks + length * 2e9 * counted;
          machine.suspended += is_told ? length * 1e9 : 0;
          run_with_reader(clock, machine, 1);
          CHECK(is_right(clock, machine));
          // What was written just before, if it cannot have been written after.
          if (counted != 1 || length > 1) {
            const int64_t off = clock.nanoseconds(before.ticks) - before.nanoseconds;
            CHECK(off < 1000000 && off > -1000000);
          }
          run_with_reader(clock, machine, 30);
          CHECK(is_right(clock, machine));
        }
      }
    }
  }
}

TEST(a_clock_remembers_what_was_before_a_suspend) {
  Machine machine = {1e14, 5e13};
  TickClock clock = watched(machine);
  const Moment before = machine.now();
  machine.ticks += 3600 * 2e9;
  // Longer than each look has a stretch of its own.
  run_with_reader(clock, machine, 600);
  const int64_t off = clock.nanoseconds(before.ticks) - before.nanoseconds;
  CHECK(off < 1000000 && off > -1000000);
  CHECK(is_right(clock, machine));
}

TEST(a_clock_recovers_from_another_rate) {
  Machine machine = {1e14, 5e13};
  TickClock clock = watched(machine);
  for (int turn = 0; turn < 100; turn++) {
    machine.ticks += 0.1 * 3e9;
    machine.nanoseconds += 0.1 * 1e9;
    if (clock.is_due(machine.now()))
      clock.look(machine.now());
  }
  CHECK(is_right(clock, machine));
  machine.ticks += 0.1 * 3e9;
  machine.nanoseconds += 0.1 * 1e9;
  CHECK(!clock.is_due(machine.now()));
}

TEST(a_clock_has_no_rate_from_a_suspend) {
  TickClock clock = {};
  clock.look({1000, 500});
  clock.look({1000 + 2 * kSecond, 500 + kSecond / 1000, kSecond}); // A second, of which a millisecond was awake.
  CHECK(!clock.is_set());
  clock.look({1000 + 4 * kSecond, 500 + kSecond / 1000 + kSecond, kSecond});
  CHECK_EQUAL(clock.nanoseconds(1000 + 3 * kSecond), 500 + kSecond / 1000 + kSecond / 2);
  // The clock does not take a rate from a reset, either.
  TickClock other = {};
  other.look({uint64_t{1} << 40, 500});
  other.look({1000, 600});
  CHECK(!other.is_set());
  other.look({1000 + 2 * kSecond, 600 + kSecond});
  CHECK_EQUAL(other.nanoseconds(1000 + kSecond), 600 + kSecond / 2);
}

TEST(a_clocksource_name_shows_whether_the_counter_is_trusted) {
  for (const char* name : {"", "hpet", "acpi_pm", "jiffies", "kvm-clock", "tsc-early", "xen", "tsc\n"})
    CHECK(!is_tick_source(name));
#if defined(__x86_64__)
  CHECK(is_tick_source("tsc"));
#elif defined(__aarch64__)
  CHECK(is_tick_source("arch_sys_counter"));
#else
  CHECK(is_tick_source("timebase"));
#endif
  CHECK_EQUAL(trusts_ticks(), trusts_ticks());
}

TEST(a_suspend_log_knows_what_was_suspended_when) {
  SuspendLog log = {};
  CHECK_EQUAL(log.at(7), 0);
  log.note(10 * kSecond, 5 * kSecond);
  CHECK_EQUAL(log.at(0), 5 * kSecond);
  CHECK_EQUAL(log.at(INT64_MIN), 5 * kSecond);
  log.note(11 * kSecond, 5 * kSecond + 1000); // Two clocks cannot be read at once.
  CHECK_EQUAL(log.at(11 * kSecond), 5 * kSecond);
  log.note(12 * kSecond, 3605 * kSecond);
  CHECK_EQUAL(log.at(11 * kSecond - 1), 5 * kSecond);
  CHECK_EQUAL(log.at(11 * kSecond), 3605 * kSecond);
  CHECK_EQUAL(log.at(INT64_MAX), 3605 * kSecond);
  log.note(11 * kSecond, 9999 * kSecond); // Older than the last.
  CHECK_EQUAL(log.at(12 * kSecond), 3605 * kSecond);
  for (int64_t day = 1; day < 100; day++)
    log.note(day * 86400 * kSecond, (3605 + day * 3600) * kSecond);
  CHECK_EQUAL(log.at(int64_t{99} * 86400 * kSecond), (3605 + int64_t{99} * 3600) * kSecond);
  CHECK_EQUAL(log.at(int64_t{90} * 86400 * kSecond - 1), (3605 + int64_t{90} * 3600) * kSecond);
}

TEST(wall_clock_time_is_now_less_what_has_passed) {
  const ClockSample before = sample_clocks();
  const int64_t wall = wall_ns(before.monotonic);
  const ClockSample after = sample_clocks();
  // The wall clock may be slewed or set meanwhile. A machine that runs tests is not suspended.
  CHECK(wall >= before.realtime - kClockSlackNs);
  CHECK(wall <= after.realtime + kClockSlackNs);
  const int64_t earlier = wall_ns(before.monotonic - 86400 * kSecond);
  CHECK(earlier <= wall - 86400 * kSecond + kClockSlackNs && earlier >= wall - 86400 * kSecond - kClockSlackNs);
  wall_ns(INT64_MIN);
  wall_ns(INT64_MAX);
}

TEST(the_process_has_a_clock_that_is_right) {
  start_tick_clock();
  for (int i = 0; i < 100; i++) {
    const int64_t before = monotonic_ns();
    const uint64_t now = ticks();
    const int64_t after = monotonic_ns();
    const int64_t seen = tick_clock().nanoseconds(now);
    // Within some millionths of what passed since the first look, which is not long ago; and on a machine whose CPUs'
    // counters differ, as much as they do.
    constexpr int64_t kSlack = 1000000;
    CHECK(seen >= before - kSlack);
    CHECK(seen <= after + kSlack);
  }
}

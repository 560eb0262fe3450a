#include "../../rseq/tick_clock.h"

#include "../../rseq/ticks.h"
#include "harness.h"

#include <cstdlib>

using namespace rseq;

namespace {

constexpr int64_t kSecond = 1000000000;

/** A clock of two ticks a nanosecond that has looked twice. */
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

TEST(a_clock_goes_through_the_moments_that_it_saw) {
  TickClock clock = running();
  CHECK_EQUAL(clock.nanoseconds(1000), 500);
  CHECK_EQUAL(clock.nanoseconds(2000), 1000);
  CHECK_EQUAL(clock.nanoseconds(1000 + 2 * kSecond), 500 + kSecond);
  CHECK_EQUAL(clock.nanoseconds(998), 499); // Before the first, too.
  // Ten seconds later the system's clock is a little late.
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
    // Looks at any distance, at a rate that wavers by a thousandth: far more than any real one does.
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

TEST(a_clock_keeps_to_what_it_said) {
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

/**
 * Sections that a signal interrupts on purpose. What follows is deterministic: a signal that arrives
 * inside a section must abort it, and the change that the handler made to the word must stay.
 */
#include "../../rseq/spans.h"
#include "place.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <numeric>
#include <sys/time.h>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr suseconds_t kAlarmAfterUs = 1000;
/** Rounds that take a second or more. If no abort comes, the section ends by itself and the case fails. */
constexpr uint64_t kSpins = uint64_t{1} << 32;
constexpr int kTries = 1000;

/** The word to which the handler adds with a section of its own. */
int64_t* volatile alarm_word = nullptr;
/** The interrupted code sets this once it is inside the section. */
uint32_t* volatile alarm_entered = nullptr;
volatile sig_atomic_t alarms = 0;
volatile sig_atomic_t alarms_inside = 0;

void on_alarm(int) {
  int64_t* const word = alarm_word;
  if (word != nullptr)
    settled(Index::cpu_id, [word](const Here& here) { return load_add_store(here, word, 10); });
  uint32_t* const entered = alarm_entered;
  if (entered != nullptr && __atomic_load_n(entered, __ATOMIC_RELAXED) != 0)
    alarms_inside = alarms_inside + 1;
  alarms = alarms + 1;
}

/** One alarm, a millisecond after it is set; SIGALRM's action is restored at the end. */
class Alarm {
public:
  Alarm(int64_t* word, uint32_t* entered) {
    alarms = 0;
    alarms_inside = 0;
    alarm_word = word;
    alarm_entered = entered;
    struct sigaction action = {};
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, &before_);
    set(kAlarmAfterUs);
  }
  ~Alarm() {
    set(0);
    sigaction(SIGALRM, &before_, nullptr);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

private:
  static void set(suseconds_t after) {
    itimerval when = {};
    when.it_value.tv_usec = after;
    setitimer(ITIMER_REAL, &when, nullptr);
  }
  struct sigaction before_ = {};
};

/**
 * Runs `interrupted(word, entered)` under an alarm until one arrives inside it, between its load and
 * its store. Returns the word then: 10 is the handler's, anything else came from the interrupted code.
 */
template <typename Interrupted> int64_t word_after_alarm_inside(Interrupted interrupted) {
  for (int attempt = 0; attempt < kTries; attempt++) {
    int64_t word = 0;
    uint32_t entered = 0;
    const Alarm alarm(&word, &entered);
    interrupted(&word, &entered);
    // On a slow machine the alarm may come before the code is inside the section. Such a run proves nothing.
    if (alarms_inside != 0)
      return word;
  }
  return -1;
}

} // namespace

TEST(a_signal_inside_aborts_the_section) {
  for_each_index([](Index index) {
    Outcome outcome = Outcome::done;
    const int64_t word = word_after_alarm_inside([&](int64_t* v, uint32_t* entered) {
      outcome = load_store_spin_add_store(here(index), v, 1, entered, kSpins);
      // Preemption may abort the section before the alarm does. This wait makes sure that the handler has run.
      for (uint64_t spin = 0; spin < kSpins && alarms == 0; spin++)
        continue;
    });
    CHECK_EQUAL(outcome, Outcome::aborted);
    CHECK_EQUAL(word, 10);
  });
}

TEST(a_spinner_learns_that_it_was_interrupted) {
  for_each_index([](Index index) {
    Outcome outcome = Outcome::done;
    for (int attempt = 0; attempt < kTries && outcome != Outcome::aborted; attempt++) {
      uint32_t word = 1, seen = 7;
      const Alarm alarm(nullptr, nullptr);
      outcome = load_spin_store(here(index), &word, 0, kSpins, &seen);
      CHECK_EQUAL(seen, outcome == Outcome::done ? 1u : 7u);
    }
    CHECK_EQUAL(outcome, Outcome::aborted);
  });
}

TEST(control_without_the_section_the_handlers_update_is_lost) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  const int64_t word = word_after_alarm_inside([](int64_t* v, uint32_t* entered) {
    const int64_t value = __atomic_load_n(v, __ATOMIC_RELAXED);
    __atomic_store_n(entered, 1, __ATOMIC_RELAXED);
    for (uint64_t spin = 0; spin < kSpins && alarms == 0; spin++)
      continue;
    __atomic_store_n(v, value + 1, __ATOMIC_RELAXED);
  });
  CHECK_EQUAL(word, 1);
}

TEST(an_aborted_copy_commits_nothing_and_can_be_repeated) {
  constexpr size_t kBytes = 32u << 20; // Some milliseconds of copying.
  const std::vector<unsigned char> source(kBytes, 0xa5);
  std::vector<unsigned char> copy(kBytes, 0);
  for_each_index([&](Index index) {
    int64_t word = 5;
    size_t bytes = kBytes;
    const auto section = [&](const Here& here) {
      return load_cbne_memcpy_store(here, Order::release, &word, 5, copy.data(), source.data(), bytes, 6);
    };
    Outcome outcome = Outcome::done;
    for (int attempt = 0; attempt < kTries && outcome != Outcome::aborted; attempt++) {
      word = 5;
      const Alarm alarm(nullptr, nullptr);
      outcome = section(here(index));
    }
    CHECK_EQUAL(outcome, Outcome::aborted);
    CHECK_EQUAL(word, 5);
    // Where threads wait for this CPU, a copy of all bytes may never fit into a time slice.
    outcome = Outcome::aborted;
    for (; bytes != 0 && outcome != Outcome::done; bytes /= 2)
      for (int attempt = 0; attempt < 10 && outcome != Outcome::done; attempt++)
        outcome = section(here(index));
    bytes *= 2;
    CHECK_EQUAL(outcome, Outcome::done);
    CHECK_EQUAL(word, 6);
    CHECK(std::equal(copy.begin(), copy.begin() + static_cast<std::ptrdiff_t>(bytes), source.begin()));
    copy.assign(kBytes, 0);
  });
}

TEST(a_row_of_additions_continues_where_it_was_aborted) {
  constexpr uint32_t kCount = 1u << 22; // Some milliseconds of additions.
  const std::vector<Addition> additions(kCount, Addition{0, 1});
  const Addition* const end = additions.data() + kCount;
  for_each_index([&](Index index) {
    int stops = 0;
    for (int attempt = 0; attempt < kTries && stops == 0; attempt++) {
      int64_t word = 0;
      {
        const Alarm alarm(&word, nullptr);
        const Addition* next = additions.data();
        for (; next != end && stops < kTries; stops += next != end)
          next = load_add_store_each(here(index), &word, 1, next, end);
        CHECK(next == end);
      }
      CHECK_EQUAL(word, int64_t{kCount} + int64_t{10} * alarms);
    }
    CHECK(stops > 0);
  });
}

TEST(a_row_of_spans_continues_where_it_was_aborted) {
  constexpr uint32_t kCount = 4096;
  alignas(kSpanAlignment) static int64_t words[kCount];
  static int32_t sums[kCount];
  for_each_index([&](Index index) {
    int stops = 0;
    for (int attempt = 0; attempt < kTries && stops == 0; attempt++) {
      std::fill_n(words, kCount, 0);
      int64_t rows = 0;
      {
        const Alarm alarm(&words[attempt % kCount], nullptr);
        for (; alarms == 0 && stops < kTries; rows++) {
          std::fill_n(sums, kCount, 1);
          uint32_t next = 0;
          for (; next != kCount && stops < kTries; stops += next != kCount)
            next = add_span(here(index), words, sums, next, kCount);
          CHECK_EQUAL(next, kCount);
        }
      }
      CHECK_EQUAL(std::accumulate(words, words + kCount, int64_t{0}), rows * kCount + int64_t{10} * alarms);
      CHECK(std::all_of(sums, sums + kCount, [](int32_t sum) { return sum == 0; }));
    }
    CHECK(stops > 0);
  });
}

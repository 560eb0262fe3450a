#include "../../percpu/counter.h"
#include "../../rseq/cpus.h"
#include "memory.h"
#include "place.h"

#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

/** A region of counters, with its own memory. */
struct Counters {
  explicit Counters(Element element = Element::i64, Index index = Index::cpu_id, Writers writers = Writers::sections,
                    uint32_t shards = possible_cpus(), uint32_t length = 3)
      : memory(region_size(shards, length)) {
    CHECK_EQUAL(format_region(memory.data(), memory.size(), {Kind::counters, element, index, writers, shards, length}),
                RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::counters, region), RegionError::none);
  }
  int64_t sum(uint32_t i = 0) const { return counter_sum_i64(region, i); }
  int64_t overflow(uint32_t i = 0) const { return *word_at<int64_t>(region, region.shards, i); }

  Memory memory;
  Region region;
};

Status add(const Counters& counters, int64_t delta, uint32_t i = 0) {
  return counter_add(counters.region, i, delta);
}

/** Calls its argument for each index and for both kinds of writers. */
template <typename Body> void for_each_shape(Element element, Body body) {
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      Counters counters(element, index, writers);
      body(counters);
    }
}

} // namespace

TEST(additions_add_up) {
  for_each_shape(Element::i64, [](Counters& counters) {
    CHECK_EQUAL(counters.sum(), 0);
    CHECK_EQUAL(add(counters, 40), Status::ok);
    CHECK_EQUAL(add(counters, 5), Status::ok);
    CHECK_EQUAL(add(counters, -3), Status::ok);
    CHECK_EQUAL(counters.sum(), 42);
  });
}

TEST(elements_are_apart) {
  for_each_shape(Element::i64, [](Counters& counters) {
    for (uint32_t i = 0; i < 3; i++)
      CHECK_EQUAL(add(counters, i + 1, i), Status::ok);
    for (uint32_t i = 0; i < 3; i++)
      CHECK_EQUAL(counters.sum(i), i + 1);
  });
}

TEST(an_element_beyond_the_length_is_refused) {
  for_each_shape(Element::i64, [](Counters& counters) {
    for (const uint32_t i : {3u, 4u, UINT32_MAX})
      CHECK_EQUAL(add(counters, 1, i), Status::out_of_range);
    for (uint32_t i = 0; i < 3; i++)
      CHECK_EQUAL(counters.sum(i), 0);
  });
}

TEST(a_counter_wraps_at_64_bits) {
  for_each_shape(Element::i64, [](Counters& counters) {
    add(counters, kMost);
    add(counters, 1);
    CHECK_EQUAL(counters.sum(), kLeast);
    add(counters, kLeast);
    CHECK_EQUAL(counters.sum(), 0);
  });
}

TEST(a_sum_over_shards_wraps_at_64_bits) {
  Counters counters;
  *word_at<int64_t>(counters.region, 0, 0) = kMost;
  *word_at<int64_t>(counters.region, counters.region.shards, 0) = 2;
  CHECK_EQUAL(counters.sum(), kLeast + 1);
}

TEST(a_reset_hands_back_what_the_counter_held) {
  for_each_shape(Element::i64, [](Counters& counters) {
    int64_t held = -1;
    CHECK_EQUAL(counter_reset_i64(counters.region, 0, held), Status::ok);
    CHECK_EQUAL(held, 0);
    add(counters, 42);
    add(counters, 7, 1);
    CHECK_EQUAL(counter_reset_i64(counters.region, 0, held), Status::ok);
    CHECK_EQUAL(held, 42);
    CHECK_EQUAL(counters.sum(), 0);
    CHECK_EQUAL(counters.sum(1), 7);
    add(counters, kLeast);
    CHECK_EQUAL(counter_reset_i64(counters.region, 0, held), Status::ok);
    CHECK_EQUAL(held, kLeast);
    CHECK_EQUAL(counters.sum(), 0);
  });
}

TEST(doubles_add_up) {
  for_each_shape(Element::f64, [](Counters& counters) {
    CHECK_EQUAL(counter_add(counters.region, 0, 0.5), Status::ok);
    CHECK_EQUAL(counter_add(counters.region, 0, -2.25), Status::ok);
    CHECK_EQUAL(counter_sum_f64(counters.region, 0), -1.75);
    double held = 0;
    CHECK_EQUAL(counter_reset_f64(counters.region, 0, held), Status::ok);
    CHECK_EQUAL(held, -1.75);
    CHECK_EQUAL(counter_sum_f64(counters.region, 0), 0.0);
    CHECK_EQUAL(counter_add(counters.region, 3, 1.0), Status::out_of_range);
  });
}

TEST(a_registered_thread_adds_to_its_shard) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  Counters counters;
  add(counters, 42);
  CHECK_EQUAL(counters.overflow(), 0);
  CHECK_EQUAL(counters.sum(), 42);
}

TEST(an_addition_to_a_missing_shard_goes_to_the_overflow_shard) {
  // The region has one shard. Additions on all other CPUs go to the overflow shard, which the sum includes.
  Counters counters(Element::i64, Index::cpu_id, Writers::sections, 1);
  for (int i = 0; i < 1000; i++) {
    add(counters, 1);
    if (i % 100 == 0)
      std::this_thread::yield();
  }
  CHECK_EQUAL(counters.sum(), 1000);
}

TEST(a_thread_without_rseq_adds_to_the_overflow_shard) {
  if (detail::adopted_from_libc)
    return skip("libc registers every thread");
  Counters integers, floats(Element::f64);
  on_thread([&] {
    CHECK_EQUAL(add(integers, 42), Status::ok);
    CHECK_EQUAL(counter_add(floats.region, 0, 0.75), Status::ok);
  });
  CHECK_EQUAL(integers.overflow(), 42);
  CHECK_EQUAL(integers.sum(), 42);
  CHECK_EQUAL(*word_at<double>(floats.region, floats.region.shards, 0), 0.75);
  CHECK_EQUAL(counter_sum_f64(floats.region, 0), 0.75);
}

TEST(a_region_written_by_atomics_takes_additions_from_unregistered_threads) {
  Counters counters(Element::i64, Index::cpu_id, Writers::atomics);
  on_thread([&] { CHECK_EQUAL(add(counters, 42), Status::ok); });
  CHECK_EQUAL(counters.sum(), 42);
}

TEST(totals_of_threads_registered_or_not_are_exact) {
  constexpr int64_t kThreads = 8, kAdditions = 20'000;
  for_each_shape(Element::i64, [](Counters& counters) {
    std::vector<std::thread> threads;
    for (int64_t number = 0; number < kThreads; number++)
      threads.emplace_back([&counters, registers = number % 2 == 0] {
        if (registers)
          attach();
        for (int64_t i = 0; i < kAdditions; i++)
          add(counters, 1);
        detach();
      });
    for (std::thread& thread : threads)
      thread.join();
    CHECK_EQUAL(counters.sum(), kThreads * kAdditions);
  });
}

TEST(setting_a_counter_keeps_what_is_added_later) {
  Counters whole(Element::i64);
  CHECK_EQUAL(counter_add(whole.region, 0, int64_t{5}), Status::ok);
  int64_t held = 0;
  CHECK_EQUAL(counter_set(whole.region, 0, int64_t{-40}, held), Status::ok);
  CHECK_EQUAL(held, int64_t{5});
  CHECK_EQUAL(counter_add(whole.region, 0, int64_t{1}), Status::ok);
  CHECK_EQUAL(counter_sum_i64(whole.region, 0), int64_t{-39});

  Counters floating(Element::f64);
  double before = 0;
  CHECK_EQUAL(counter_set(floating.region, 0, 0.1, before), Status::ok);
  CHECK_EQUAL(counter_sum_f64(floating.region, 0), 0.1);
  CHECK_EQUAL(counter_add(floating.region, 0, 0.5), Status::ok);
  CHECK_EQUAL(counter_set(floating.region, 0, 2.25, before), Status::ok);
  CHECK_EQUAL(before, 0.6);
  CHECK_EQUAL(counter_sum_f64(floating.region, 0), 2.25);
}

TEST(a_batch_reaches_a_second_region) {
  Counters whole(Element::i64);
  Counters floating(Element::f64);
  const BatchEntry entries[] = {{0, 3}, {0 | kSecondRegion, 0}, {0, 4}};
  const double wide[] = {0, 0.25, 0};
  CHECK_EQUAL(counter_add_many(whole.region, entries, wide, 3, &floating.region), Status::ok);
  CHECK_EQUAL(counter_sum_i64(whole.region, 0), int64_t{7});
  CHECK_EQUAL(counter_sum_f64(floating.region, 0), 0.25);
  CHECK_EQUAL(counter_add_many(whole.region, entries, wide, 3), Status::out_of_range);
}

namespace {

/** Adds integers in `kThreads` threads while one thread resets the counter and one reads it. Nothing may be lost. */
template <typename Number> void add_while_reset(Writers writers) {
  constexpr int64_t kThreads = 4, kAdditions = 50'000;
  Counters counters(std::is_same_v<Number, double> ? Element::f64 : Element::i64, Index::cpu_id, writers);
  Number handed_back = 0;
  bool adding = true;
  std::vector<std::thread> threads;
  for (int64_t number = 0; number < kThreads; number++)
    threads.emplace_back([&counters] {
      attach();
      for (int64_t i = 0; i < kAdditions; i++)
        CHECK_EQUAL(counter_add(counters.region, 0, Number{1}), Status::ok);
      detach();
    });
  std::thread resetter([&] {
    while (__atomic_load_n(&adding, __ATOMIC_ACQUIRE)) {
      Number held = 0;
      if (counter_set(counters.region, 0, Number{0}, held) == Status::ok)
        handed_back += held;
    }
  });
  for (std::thread& thread : threads)
    thread.join();
  __atomic_store_n(&adding, false, __ATOMIC_RELEASE);
  resetter.join();
  Number left = 0;
  CHECK_EQUAL(counter_set(counters.region, 0, Number{0}, left), Status::ok);
  CHECK_EQUAL(handed_back + left, static_cast<Number>(kThreads * kAdditions));
}

} // namespace

TEST(additions_are_in_one_reset_or_in_what_is_left) {
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    add_while_reset<int64_t>(writers);
    add_while_reset<double>(writers);
  }
}

TEST(a_counter_of_doubles_that_is_set_forgets_its_past) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Counters counters(Element::f64, Index::cpu_id, writers, 2);
    const auto add_and_set = [&](double added, double value, double wanted) {
      double held = 0;
      CHECK_EQUAL(counter_add(counters.region, 0, added), Status::ok);
      CHECK_EQUAL(counter_add(counters.region, 0, added), Status::ok);
      CHECK_EQUAL(counter_set(counters.region, 0, value, held), Status::ok);
      CHECK_EQUAL(held, wanted);
      CHECK_EQUAL(counter_sum_f64(counters.region, 0), value);
    };
    add_and_set(1e308, 5, kInfinity);
    add_and_set(-1e308, 0, -kInfinity);
    add_and_set(1795899799766502000.0, 0.25, 2 * 1795899799766502000.0);
    add_and_set(0.125, 7, 0.5);
    // Infinities of both signs, on two CPUs.
    *word_at<double>(counters.region, 0, 0) = kInfinity;
    *word_at<double>(counters.region, 1, 0) = -kInfinity;
    double held = 0;
    CHECK_EQUAL(counter_set(counters.region, 0, 3, held), Status::ok);
    CHECK(held != held);
    CHECK_EQUAL(counter_sum_f64(counters.region, 0), 3.0);
  }
}

TEST(an_interrupted_set_is_finished_before_a_read) {
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Counters counters(Element::f64, Index::cpu_id, writers, 2);
    const Region& region = counters.region;
    const auto cut_off = [&](uint64_t sets, double value) {
      *word_at<double>(region, 0, 0) = 11;
      *word_at<uint64_t>(region, region.shards, region.length + 1) = sets;
      *word_at<double>(region, region.shards, region.length + 2) = value;
    };
    double held = 0;
    cut_off(uint64_t{6} << 32 | 1, 42);
    CHECK_EQUAL(counter_sum_f64(region, 0), 42.0);
    CHECK_EQUAL(*word_at<uint64_t>(region, region.shards, region.length + 1), uint64_t{7} << 32);
    cut_off(uint64_t{6} << 32 | 1, 43);
    CHECK_EQUAL(counter_set(region, 0, 1, held), Status::ok);
    CHECK_EQUAL(held, 43.0);
    // The words hold values that no setter writes.
    for (const uint64_t scribbled : {uint64_t{UINT32_MAX}, UINT64_MAX, region.length + uint64_t{1}}) {
      cut_off(scribbled, 44);
      CHECK_EQUAL(counter_set(region, 0, 2, held), Status::ok);
      CHECK_EQUAL(counter_sum_f64(region, 0), 2.0);
    }
    // No owner writes this stop word. Additions go to the overflow shard, and the next set takes the word over.
    *region.stop = 1;
    CHECK_EQUAL(counter_add(region, 0, 0.5), Status::ok);
    CHECK_EQUAL(counter_sum_f64(region, 0), 2.5);
    CHECK_EQUAL(counter_add(region, 0, 0.5), Status::ok);
    *word_at<double>(region, 0, 0) += 1;
    CHECK_EQUAL(counter_set(region, 0, 9, held), Status::ok);
    CHECK_EQUAL(held, 4.0);
    CHECK_EQUAL(*region.stop, int64_t{0});
  }
}

TEST(a_reader_of_doubles_sees_a_set_as_done_or_not_done) {
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Counters counters(Element::f64, Index::cpu_id, writers, 2);
    const Region& region = counters.region;
    bool setting = true;
    std::thread setter([&] {
      attach();
      double held = 0;
      for (int k = 0; k < 2000; k++) {
        counter_set(region, 0, 100, held);
        // The value has two parts: a reader that sees only one of them set would see a wrong sum.
        counter_add(region, 0, 100.0);
        counter_set(region, 0, 0, held);
      }
      detach();
      __atomic_store_n(&setting, false, __ATOMIC_RELEASE);
    });
    uint32_t torn = 0;
    while (__atomic_load_n(&setting, __ATOMIC_ACQUIRE)) {
      const double seen = counter_sum_f64(region, 0);
      torn += seen != 0 && seen != 100 && seen != 200;
    }
    setter.join();
    CHECK_EQUAL(torn, 0u);
  }
}

TEST(sums_of_every_shape_are_added_and_cleared) {
  for (const uint32_t length : {1u, 3u, 16u, 17u, 40u})
    for (const Index index : {Index::cpu_id, Index::mm_cid})
      for (const Writers writers : {Writers::sections, Writers::atomics}) {
        Counters counters(Element::i64, index, writers, possible_cpus(), length);
        std::vector<int32_t> sums(room_for_sums(length));
        for (int round = 1; round <= 3; round++) {
          for (uint32_t i = 0; i < length; i++)
            sums[i] = i % 5 == 1 ? 0 : round * (static_cast<int32_t>(i) - 7);
          CHECK_EQUAL(counter_add_sums(counters.region, sums.data(), length), Status::ok);
          CHECK(sums == std::vector<int32_t>(sums.size()));
        }
        for (uint32_t i = 0; i < length; i++)
          CHECK_EQUAL(counters.sum(i), i % 5 == 1 ? 0 : int64_t{6} * (int64_t{i} - 7));
      }
}

TEST(sums_are_added_to_doubles) {
  for_each_shape(Element::f64, [](Counters& counters) {
    std::vector<int32_t> sums(room_for_sums(3));
    sums[0] = -5;
    sums[2] = std::numeric_limits<int32_t>::max();
    CHECK_EQUAL(counter_add(counters.region, 0, 0.5), Status::ok);
    CHECK_EQUAL(counter_add_sums(counters.region, sums.data(), 3), Status::ok);
    CHECK_EQUAL(counter_sum_f64(counters.region, 0), -4.5);
    CHECK_EQUAL(counter_sum_f64(counters.region, 2), 2147483647.0);
    CHECK(sums == std::vector<int32_t>(sums.size()));
  });
}

TEST(sums_are_added_in_a_region_that_was_moved_to_an_odd_word) {
  Counters counters(Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), 20);
  Region moved = counters.region;
  Memory memory(counters.memory.size() + sizeof(int64_t));
  moved.first_shard = static_cast<unsigned char*>(memory.data()) + sizeof(int64_t);
  while (reinterpret_cast<uintptr_t>(moved.first_shard) % kSpanAlignment == 0)
    moved.first_shard += sizeof(int64_t);
  CHECK_EQUAL(direct_span_shards(moved), 0u);
  std::vector<int32_t> sums(room_for_sums(20), 0);
  std::fill_n(sums.begin(), 20, 3);
  CHECK_EQUAL(counter_add_sums(moved, sums.data(), 20), Status::ok);
  for (uint32_t i = 0; i < 20; i++)
    CHECK_EQUAL(counter_sum_i64(moved, i), 3);
}

#include "../../percpu/stack.h"
#include "../../percpu/owner.h"
#include "memory.h"
#include "pinned.h"
#include "place.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <sched.h>
#include <unistd.h>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kCapacity = 3;

/** A region with stacks. */
class Stacks {
public:
  explicit Stacks(Index index = Index::cpu_id, Writers writers = Writers::sections)
      : memory(region_size(kShards, kStackHead + kCapacity)) {
    const RegionSpec spec = {Kind::stack, Element::f64, index, writers, kShards, kStackHead + kCapacity};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::stack, region), RegionError::none);
  }

  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(region, shard, i); }

  /** Sets a word of all shards. */
  void set_all(uint32_t i, uint64_t value) const {
    for (uint32_t shard = 0; shard <= kShards; shard++)
      word(shard, i) = value;
  }

  uint32_t total() const {
    uint32_t sum = 0, size = 0;
    for (uint32_t shard = 0; shard <= kShards; shard++)
      if (CHECK_EQUAL(stack_size(region, shard, size), Status::ok))
        sum += size;
    return sum;
  }

  Memory memory;
  Region region = {};
};

Status pop(Stacks& stacks, double wanted) {
  double value = NAN;
  const Status status = stack_pop(stacks.region, value);
  if (status == Status::ok)
    CHECK_EQUAL(value, wanted);
  return status;
}

using Words = std::vector<int64_t>;

} // namespace

TEST(a_push_section_checks_all_it_reads) {
  // Words: the count, the stop word, two values. The limit is 2.
  constexpr double kPushed = -7.5;
  int64_t bits = 0;
  memcpy(&bits, &kPushed, sizeof(bits));
  const auto push = [](Words before, Outcome wanted, Words after) {
    for_each_index([&](Index index) {
      Words words = before;
      const auto section = [&](const Here& here) {
        return load_cbne_load_cbge_store_add_store(here, words.data(), 2, kPushed);
      };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK(words == before);
      CHECK_EQUAL(settled(index, section), wanted);
      CHECK(words == after);
    });
  };
  constexpr int64_t kHigh = int64_t{1} << 32;
  push({0, 0, 5, 6}, Outcome::done, {1, 0, bits, 6});
  push({1, 0, 5, 6}, Outcome::done, {2, 0, 5, bits});
  for (const int64_t count : {int64_t{2}, int64_t{3}, int64_t{-1}, std::numeric_limits<int64_t>::min(), kHigh})
    push({count, 0, 5, 6}, Outcome::compare_failed, {count, 0, 5, 6});
  for (const int64_t stop : {int64_t{1}, int64_t{-1}, kHigh})
    push({0, stop, 5, 6}, Outcome::compare_failed, {0, stop, 5, 6});
}

TEST(a_pop_section_checks_all_it_reads) {
  const auto pop_from = [](Words before, Outcome wanted, Words after, int64_t value) {
    for_each_index([&](Index index) {
      Words words = before;
      Taken taken = {};
      const auto section = [&](const Here& here) {
        taken = load_cbne_load_add_cbge_load_store(here, words.data(), 2);
        return taken.outcome;
      };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK(words == before);
      CHECK_EQUAL(settled(index, section), wanted);
      CHECK(words == after);
      int64_t bits = 0;
      memcpy(&bits, &taken.value, sizeof(bits));
      if (wanted == Outcome::done)
        CHECK_EQUAL(bits, value);
      else
        CHECK(std::isnan(taken.value));
    });
  };
  constexpr int64_t kHigh = int64_t{1} << 32;
  pop_from({2, 0, 5, 6}, Outcome::done, {1, 0, 5, 6}, 6);
  pop_from({1, 0, 5, -6}, Outcome::done, {0, 0, 5, -6}, 5);
  // A NaN of any kind and sign is no value. The section pops an infinity, which its caller can recognize.
  constexpr int64_t kInfinity = 0x7ff0000000000000;
  for (const int64_t nan : {int64_t{-1}, kInfinity + 1, kInfinity | int64_t{1} << 51, INT64_MAX})
    pop_from({2, 0, 5, nan}, Outcome::compare_failed, {2, 0, 5, nan}, 0);
  pop_from({2, 0, 5, kInfinity}, Outcome::done, {1, 0, 5, kInfinity}, kInfinity);
  for (const int64_t count : {int64_t{0}, int64_t{3}, int64_t{-1}, std::numeric_limits<int64_t>::min(), kHigh + 1})
    pop_from({count, 0, 5, 6}, Outcome::compare_failed, {count, 0, 5, 6}, 0);
  for (const int64_t stop : {int64_t{1}, int64_t{-1}, kHigh})
    pop_from({2, stop, 5, 6}, Outcome::compare_failed, {2, stop, 5, 6}, 0);
}

TEST(a_stack_pops_the_value_that_was_pushed_last) {
  const Pinned pinned;
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      Stacks stacks(index, writers);
      CHECK_EQUAL(pop(stacks, 0), Status::empty);
      for (const double value : {1.5, -0.0, 1e308})
        CHECK_EQUAL(stack_push(stacks.region, value), Status::ok);
      CHECK_EQUAL(stacks.total(), 3u);
      CHECK_EQUAL(stack_push(stacks.region, 4), Status::full);
      for (const double value : {1e308, -0.0, 1.5})
        CHECK_EQUAL(pop(stacks, value), Status::ok);
      CHECK_EQUAL(pop(stacks, 0), Status::empty);
      for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
        CHECK_EQUAL(stack_push(stacks.region, value), Status::bad_value);
      CHECK_EQUAL(stacks.total(), 0u);
    }
}

TEST(many_values_are_pushed_and_popped_as_far_as_they_fit) {
  const Pinned pinned;
  Stacks stacks;
  const double values[] = {1, 2, 3, 4};
  uint32_t count = 4;
  CHECK_EQUAL(stack_push_many(stacks.region, values, count), Status::ok);
  CHECK_EQUAL(count, 3u);
  double popped[4] = {};
  count = 2;
  CHECK_EQUAL(stack_pop_many(stacks.region, popped, count), Status::ok);
  CHECK_EQUAL(count, 2u);
  CHECK(popped[0] == 3 && popped[1] == 2);
  count = 4;
  CHECK_EQUAL(stack_pop_many(stacks.region, popped, count), Status::ok);
  CHECK_EQUAL(count, 1u);
  CHECK_EQUAL(popped[0], 1.0);
}

TEST(only_its_owner_uses_a_stopped_stack) {
  const Pinned pinned;
  Stacks stacks;
  if (here(Index::cpu_id).index >= kShards)
    return skip("this thread is not registered for rseq");
  const uint32_t cpu = here(Index::cpu_id).index;
  CHECK_EQUAL(stack_push(stacks.region, 1), Status::ok);
  CHECK_EQUAL(stack_stop(stacks.region, cpu), Status::ok);
  CHECK_EQUAL(stack_stop(stacks.region, cpu), Status::held_already);
  // On the stopped CPU, pushes and pops go to the overflow shard.
  CHECK_EQUAL(stack_push(stacks.region, 2), Status::ok);
  CHECK_EQUAL(stacks.word(cpu, 0), 1u);
  CHECK_EQUAL(stacks.word(kShards, 0), 1u);
  CHECK_EQUAL(pop(stacks, 2), Status::ok);
  CHECK_EQUAL(pop(stacks, 0), Status::empty);
  const double more[] = {5, 6, 7};
  uint32_t count = 3;
  CHECK_EQUAL(stack_push_owned(stacks.region, cpu, more, count), Status::ok);
  CHECK_EQUAL(count, 2u);
  double value = 0;
  count = 1;
  CHECK_EQUAL(stack_pop_owned(stacks.region, cpu, &value, count), Status::ok);
  CHECK_EQUAL(value, 6.0);
  CHECK_EQUAL(stack_resume(stacks.region, cpu), Status::ok);
  for (const Status seen : {stack_resume(stacks.region, cpu), stack_push_owned(stacks.region, cpu, more, count),
                            stack_pop_owned(stacks.region, cpu, &value, count)})
    CHECK_EQUAL(seen, Status::not_owner);
  CHECK_EQUAL(pop(stacks, 5), Status::ok);
  CHECK_EQUAL(pop(stacks, 1), Status::ok);
  CHECK_EQUAL(stack_stop(stacks.region, kShards + 1), Status::out_of_range);
}

TEST(a_stack_works_after_its_owner_has_died) {
  const Pinned pinned;
  Stacks stacks;
  if (here(Index::cpu_id).index >= kShards)
    return skip("this thread is not registered for rseq");
  const uint32_t cpu = here(Index::cpu_id).index;
  const auto let_an_owner_die = [&] { on_thread([&] { CHECK_EQUAL(stack_stop(stacks.region, cpu), Status::ok); }); };
  // The next owner takes it over.
  let_an_owner_die();
  CHECK(stacks.word(cpu, 1) != 0);
  CHECK_EQUAL(stack_stop(stacks.region, cpu), Status::ok);
  CHECK_EQUAL(stack_resume(stacks.region, cpu), Status::ok);
  // A push on the CPU itself takes the stack over, too.
  let_an_owner_die();
  CHECK(stacks.word(cpu, 1) != 0);
  CHECK_EQUAL(stack_push(stacks.region, 1), Status::ok);
  CHECK_EQUAL(stacks.word(cpu, 1), 0u);
  CHECK_EQUAL(stacks.word(cpu, 0), 1u);
}

TEST(damaged_words_of_a_stack_are_refused) {
  constexpr uint64_t kOne = 1;
  for (const uint64_t count : {uint64_t{kCapacity} + 1, kOne << 32, kOne << 63, UINT64_MAX}) {
    Stacks stacks;
    stacks.set_all(0, count);
    uint32_t size = 0;
    CHECK_EQUAL(stack_push(stacks.region, 1), Status::corrupt);
    CHECK_EQUAL(pop(stacks, 0), Status::corrupt);
    CHECK_EQUAL(stack_size(stacks.region, 0, size), Status::corrupt);
    CHECK_EQUAL(stack_stop(stacks.region, 0), Status::ok);
    double value = 0;
    size = 1;
    CHECK_EQUAL(stack_pop_owned(stacks.region, 0, &value, size), Status::corrupt);
    size = 1;
    CHECK_EQUAL(stack_push_owned(stacks.region, 0, &value, size), Status::corrupt);
    CHECK_EQUAL(stack_resume(stacks.region, 0), Status::ok);
  }
  // Stop words without an owner: of no thread, of another process, of leases that ended or were never given.
  const uint64_t portable = kOwnerPortable | kOne << kOwnerFamilyShift | 5;
  for (const uint64_t stop : {uint64_t{INT32_MAX}, uint64_t{UINT32_MAX}, kOne << 32 | 1, kOne << 63, UINT64_MAX,
                              portable, portable | kOne << kOwnerProcessShift, this_owner() ^ kOne << kOwnerSlotBits}) {
    Stacks stacks;
    stacks.set_all(1, stop);
    CHECK_EQUAL(stack_push(stacks.region, 1), Status::ok);
    CHECK_EQUAL(stack_stop(stacks.region, 0), Status::ok);
    CHECK_EQUAL(stack_resume(stacks.region, 0), Status::ok);
  }
}

TEST(a_word_that_no_push_has_stored_is_removed_and_reported) {
  constexpr uint64_t kFive = 0x4014000000000000; // 5.0
  for (const uint64_t word :
       {UINT64_MAX, uint64_t{0x7ff0000000000001}, uint64_t{0x7ff0000000000000}, uint64_t{0xfff0000000000000}}) {
    Stacks stacks;
    stacks.set_all(0, 2);
    stacks.set_all(kStackHead, kFive);
    stacks.set_all(kStackHead + 1, word);
    CHECK_EQUAL(pop(stacks, 0), Status::corrupt);
    CHECK_EQUAL(pop(stacks, 5), Status::ok);

    // An owner gets the values above the word first.
    stacks.set_all(0, 3);
    stacks.set_all(kStackHead + 2, kFive);
    double values[3] = {};
    const auto take = [&](uint32_t wanted) {
      uint32_t count = 3;
      CHECK_EQUAL(stack_stop(stacks.region, 0), Status::ok);
      const Status status = stack_pop_owned(stacks.region, 0, values, count);
      CHECK_EQUAL(stack_resume(stacks.region, 0), Status::ok);
      CHECK_EQUAL(count, wanted);
      return status;
    };
    CHECK_EQUAL(take(1), Status::ok);
    CHECK_EQUAL(take(0), Status::corrupt);
    CHECK_EQUAL(take(1), Status::ok);
    CHECK_EQUAL(values[0], 5.0);
  }
}

TEST(a_region_without_room_for_a_value_is_no_stack) {
  Memory memory(region_size(1, kStackHead));
  const RegionSpec spec = {Kind::stack, Element::f64, Index::cpu_id, Writers::sections, 1, kStackHead};
  CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::geometry);
}

#include "../../percpu/opv.h"
#include "memory.h"
#include "place.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kLength = 3;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

/** A region of words. The tests check all shards, because the thread may be on any CPU. */
class Words {
public:
  explicit Words(Element element, Index index = Index::cpu_id, Writers writers = Writers::sections)
      : memory(region_size(kShards, kArrayHead + kLength)) {
    const RegionSpec spec = {Kind::array, element, index, writers, kShards, kArrayHead + kLength};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::array, region), RegionError::none);
  }

  int64_t& word(uint32_t shard, uint32_t i) const { return *word_at<int64_t>(region, shard, kArrayHead + i); }
  void set_all(uint32_t i, int64_t value) const {
    for (uint32_t shard = 0; shard <= kShards; shard++)
      word(shard, i) = value;
  }

  /** Sets a word to `before` in all shards and applies an act; the word that changes must become `after`. */
  void check(Act act, int64_t before, int64_t operand, int64_t expected, int64_t after) const {
    set_all(1, before);
    ActAnswer answer = {};
    CHECK_EQUAL(array_act(region, 1, {act, operand, expected}, answer), Status::ok);
    CHECK_EQUAL(answer.before, before);
    for (uint32_t shard = 0; shard <= kShards; shard++)
      CHECK_EQUAL(word(shard, 1), shard == answer.shard ? after : before);
  }

  Memory memory;
  Region region = {};
};

template <typename Body> void for_each_region(Element element, Body body) {
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      Words words(element, index, writers);
      body(words);
    }
}

OpvOperation operation(OpvKind kind, uint32_t i = 0, int64_t value = 0, uint32_t from = 0) {
  return {static_cast<uint32_t>(kind), i, from, 0, value};
}

/** The result of a vector: its status, where it ended, and the words after it. */
struct Ended {
  Status status;
  uint32_t position;
  std::array<int64_t, kLength> words;
};

Ended run(Element element, const std::vector<OpvOperation>& vector, std::array<int64_t, kLength> before = {1, 2, 3}) {
  Words words(element);
  constexpr uint32_t kShard = 2;
  for (uint32_t i = 0; i < kLength; i++)
    words.word(kShard, i) = before[i];
  Ended ended = {};
  uint32_t shard = kShard;
  ended.status = cpu_opv(words.region, shard, vector.data(), static_cast<uint32_t>(vector.size()), ended.position);
  for (uint32_t i = 0; i < kLength; i++)
    ended.words[i] = words.word(kShard, i);
  return ended;
}

using Three = std::array<int64_t, kLength>;

} // namespace

TEST(a_word_section_checks_the_stop_word_and_returns_the_former_word) {
  const auto check = [](Element element, const WordAct& act, int64_t before, Outcome wanted, int64_t after,
                        int64_t stop = 0) {
    for_each_index([&](Index index) {
      std::array<int64_t, 2> words = {stop, before};
      int64_t aside = 77;
      TakenWord taken = {};
      const auto section = [&](const Here& here) {
        taken = array_section(element, here, &words[1], &words[0], act, &aside);
        return taken.outcome;
      };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK_EQUAL(words[1], before);
      CHECK_EQUAL(settled(index, section), wanted);
      CHECK_EQUAL(words[1], after);
      CHECK_EQUAL(words[0], stop);
      if (wanted == Outcome::done)
        CHECK_EQUAL(taken.word, before);
      CHECK_EQUAL(aside, act.act == Act::load && wanted == Outcome::done ? 0 : 77);
    });
  };
  check(Element::i64, {Act::add, 2, 0}, 40, Outcome::done, 42);
  check(Element::i64, {Act::add, 1, 0}, kMost, Outcome::done, kLeast);
  check(Element::i32, {Act::add, 1, 0}, INT32_MAX, Outcome::done, INT32_MIN);
  check(Element::i32, {Act::add, -1, 0}, INT32_MIN, Outcome::done, INT32_MAX);
  check(Element::f64, {Act::add, word_of_double(0.5), 0}, word_of_double(1.25), Outcome::done, word_of_double(1.75));
  check(Element::i64, {Act::exchange, -7, 0}, 40, Outcome::done, -7);
  check(Element::i64, {Act::load, -7, 0}, kLeast, Outcome::done, kLeast);
  check(Element::i64, {Act::compare_exchange, -7, 40}, 40, Outcome::done, -7);
  // Words that are equal in the low half only are not equal: the section returns the word and stores nothing.
  constexpr int64_t kHigh = int64_t{1} << 32;
  check(Element::i64, {Act::compare_exchange, -7, 40}, kHigh + 40, Outcome::done, kHigh + 40);
  for (const int64_t stop : {int64_t{1}, int64_t{-1}, kHigh})
    for (const Act act : {Act::add, Act::exchange, Act::load, Act::compare_exchange})
      for (const Element element : {Element::i64, Element::i32, Element::f64})
        check(element, {act, 1, 40}, 40, Outcome::compare_failed, 40, stop);
}

TEST(an_act_changes_one_word_of_one_shard) {
  for_each_region(Element::i64, [](Words& words) {
    words.check(Act::load, kLeast, 1, 1, kLeast);
    words.check(Act::exchange, 5, kMost, 0, kMost);
    words.check(Act::add, kMost, 2, 0, kLeast + 1);
    words.check(Act::compare_exchange, 5, 7, 5, 7);
    words.check(Act::compare_exchange, 5, 7, 6, 5);
  });
  for_each_region(Element::i32, [](Words& words) {
    words.check(Act::add, INT32_MAX, 2, 0, INT32_MIN + 1);
    words.check(Act::compare_exchange, -5, 7, -5, 7);
  });
  for_each_region(Element::f64, [](Words& words) {
    words.check(Act::add, word_of_double(-0.0), word_of_double(0.25), 0, word_of_double(0.25));
    words.check(Act::compare_exchange, word_of_double(-0.0), 1, word_of_double(0.0), word_of_double(-0.0));
    words.check(Act::compare_exchange, word_of_double(NAN), 1, word_of_double(-NAN), 1);
  });
}

TEST(a_missing_word_or_one_beyond_i32_is_refused) {
  for_each_region(Element::i32, [](Words& words) {
    ActAnswer answer = {};
    int64_t word = 0;
    CHECK_EQUAL(array_act(words.region, kLength, {Act::load, 0, 0}, answer), Status::out_of_range);
    CHECK_EQUAL(array_act(words.region, UINT32_MAX, {Act::load, 0, 0}, answer), Status::out_of_range);
    CHECK_EQUAL(array_get(words.region, kShards + 1, 0, word), Status::out_of_range);
    CHECK_EQUAL(array_get(words.region, 0, kLength, word), Status::out_of_range);
    CHECK_EQUAL(array_stop(words.region, kShards + 1), Status::out_of_range);
    CHECK_EQUAL(array_act_on(words.region, 0, 0, {Act::load, 0, 0}, word), Status::not_owner);
    words.set_all(0, int64_t{1} << 31);
    CHECK_EQUAL(array_act(words.region, 0, {Act::load, 0, 0}, answer), Status::corrupt);
    CHECK_EQUAL(array_get(words.region, kShards, 0, word), Status::corrupt);
  });
}

TEST(a_thread_without_sections_uses_the_overflow_words) {
  Words words(Element::i64);
  const bool refused = on_refused_thread([&] {
    ActAnswer answer = {};
    for (int64_t k = 0; k < 3; k++) {
      CHECK_EQUAL(array_act(words.region, 2, {Act::add, 5, 0}, answer), Status::ok);
      CHECK_EQUAL(answer.shard, kShards);
      CHECK_EQUAL(answer.before, 5 * k);
    }
  });
  if (!refused)
    return skip(kCannotRefuse);
  CHECK_EQUAL(words.word(kShards, 2), 15);
}

TEST(a_vector_is_done_as_a_whole) {
  using K = OpvKind;
  const auto check = [](const Ended& ended, uint32_t position, Three after) {
    CHECK_EQUAL(ended.status, Status::ok);
    CHECK_EQUAL(ended.position, position);
    CHECK(ended.words == after);
  };
  if (run(Element::i64, {}).status == Status::unfenceable)
    return skip("CPU 2 cannot be fenced");
  check(run(Element::i64, {}), kOpvDone, {1, 2, 3});
  check(run(Element::i64, {operation(K::compare_equal, 0, 1), operation(K::add, 1, 5), operation(K::copy, 0, 0, 1)}),
        kOpvDone, {7, 7, 3});
  check(run(Element::i64, {operation(K::add, 1, 5), operation(K::barrier), operation(K::compare_equal, 1, 2)}), 2,
        {1, 2, 3});
  check(run(Element::i64, {operation(K::store, 0, 9), operation(K::compare_not_equal, 0, 9)}), 1, {1, 2, 3});
  check(run(Element::i64, {operation(K::bit_or, 0, 6), operation(K::bit_and, 1, 1), operation(K::bit_xor, 2, 1)}),
        kOpvDone, {7, 0, 2});
  check(run(Element::i64, {operation(K::shift_left, 0, 63), operation(K::shift_right, 1, 1)}), kOpvDone,
        {kLeast, 1, 3});
  check(run(Element::i64, {operation(K::shift_right, 0, 63)}, {-1, 0, 0}), kOpvDone, {1, 0, 0});
  check(run(Element::i32, {operation(K::shift_left, 0, 31), operation(K::shift_right, 1, 31)}, {1, -1, 0}), kOpvDone,
        {INT32_MIN, 1, 0});
  check(run(Element::i32, {operation(K::add, 0, 1)}, {INT32_MAX, 0, 0}), kOpvDone, {INT32_MIN, 0, 0});
  check(run(Element::f64, {operation(K::add, 0, word_of_double(0.5))}, {word_of_double(1), 0, 0}), kOpvDone,
        {word_of_double(1.5), 0, 0});
  check(run(Element::i64, std::vector<OpvOperation>(kOpvMost, operation(K::add, 0, 1))), kOpvDone, {17, 2, 3});
}

TEST(a_malformed_vector_is_refused_before_any_operation) {
  using K = OpvKind;
  const auto refused = [](Element element, const OpvOperation& wrong, Status wanted) {
    const Ended ended = run(element, {operation(K::store, 0, 7), wrong});
    CHECK_EQUAL(ended.status, wanted);
    CHECK_EQUAL(ended.position, 1u);
    CHECK(ended.words == (Three{1, 2, 3}));
  };
  refused(Element::i64, {kOpvKinds, 0, 0, 0, 0}, Status::bad_value);
  refused(Element::i64, {UINT32_MAX, 0, 0, 0, 0}, Status::bad_value);
  for (const uint32_t i : {kLength, UINT32_MAX}) {
    refused(Element::i64, operation(K::add, i), Status::out_of_range);
    refused(Element::i64, operation(K::copy, 0, 0, i), Status::out_of_range);
  }
  for (const int64_t bits : {int64_t{64}, int64_t{-1}, kMost}) {
    refused(Element::i64, operation(K::shift_left, 0, bits), Status::bad_value);
    refused(Element::i32, operation(K::shift_right, 0, bits), Status::bad_value);
  }
  refused(Element::i32, operation(K::shift_left, 0, 32), Status::bad_value);
  refused(Element::f64, operation(K::bit_or), Status::bad_value);
  const std::vector<OpvOperation> many(kOpvMost + 1, operation(K::barrier));
  CHECK_EQUAL(run(Element::i64, many).status, Status::out_of_range);
  uint32_t position = 0;
  Words words(Element::i64);
  CHECK_EQUAL(cpu_opv(words.region, kShards + 1, many.data(), 1, position), Status::out_of_range);
}

TEST(only_arrays_accept_the_element_types_of_arrays) {
  Memory memory(region_size(2, 4));
  const RegionSpec spec = {Kind::counters, Element::i32, Index::cpu_id, Writers::sections, 2, 4};
  CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::field);
  RegionSpec good = spec;
  good.kind = Kind::array;
  CHECK_EQUAL(format_region(memory.data(), memory.size(), good), RegionError::none);
  reinterpret_cast<Header*>(memory.data())->kind = static_cast<uint32_t>(Kind::counters);
  Region region = {};
  CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::counters, region), RegionError::field);
}

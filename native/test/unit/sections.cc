#include "../../rseq/spans.h"
#include "place.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr Order kOrders[] = {Order::relaxed, Order::release};

/**
 * Runs `section(here, data)` on a copy of `before`, at every index. It must end as `wanted` with the data of `after`.
 * At an index that the thread does not have, it must not change the data.
 */
template <typename Data, typename Section>
void check_section(const Data& before, const Data& after, Outcome wanted, Section section) {
  for_each_index([&](Index index) {
    Data data = before;
    CHECK_EQUAL(settled(index, [&](const Here& here) { return section(here, data); }), wanted);
    CHECK(data == after);
    data = before;
    CHECK_EQUAL(settled_elsewhere(index, [&](const Here& here) { return section(here, data); }), Outcome::moved);
    CHECK(data == before);
  });
}

using One = std::array<int64_t, 1>;
using Two = std::array<int64_t, 2>;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

intptr_t address(const void* pointer) {
  return reinterpret_cast<intptr_t>(pointer);
}

} // namespace

TEST(load_cbne_store_stores_what_compares_equal) {
  const auto section = [](const Here& here, One& words) { return load_cbne_store(here, &words[0], 5, -7); };
  check_section(One{5}, One{-7}, Outcome::done, section);
  check_section(One{6}, One{6}, Outcome::compare_failed, section);
  // The words are equal in their low half only.
  check_section(One{(int64_t{1} << 32) + 5}, One{(int64_t{1} << 32) + 5}, Outcome::compare_failed, section);
}

TEST(load_cbeq_store_add_load_store_pops_from_a_list) {
  struct Node {
    int64_t value;
    Node* next;
  };
  static Node second = {2, nullptr};
  static Node first = {1, &second};
  // The words are the head of the list and the popped value.
  const auto section = [](const Here& here, Two& words) {
    return load_cbeq_store_add_load_store(here, &words[0], 0, offsetof(Node, next), &words[1]);
  };
  check_section(Two{address(&first), -1}, Two{address(&second), address(&first)}, Outcome::done, section);
  check_section(Two{address(&second), -1}, Two{0, address(&second)}, Outcome::done, section);
  check_section(Two{0, -1}, Two{0, -1}, Outcome::compare_failed, section);
}

TEST(load_cbeq_store_add_load_store_takes_negative_offsets) {
  static int64_t words_before[2] = {77, 88};
  check_section(
      Two{address(&words_before[1]), -1}, Two{77, address(&words_before[1])}, Outcome::done,
      [](const Here& here, Two& words) { return load_cbeq_store_add_load_store(here, &words[0], 0, -8, &words[1]); });
}

TEST(load_add_store_adds_and_wraps) {
  const auto adding = [](int64_t count) {
    return [count](const Here& here, One& words) { return load_add_store(here, &words[0], count); };
  };
  check_section(One{40}, One{42}, Outcome::done, adding(2));
  check_section(One{40}, One{-2}, Outcome::done, adding(-42));
  check_section(One{kMost}, One{kLeast}, Outcome::done, adding(1));
  check_section(One{kLeast}, One{kMost}, Outcome::done, adding(-1));
  check_section(One{0xffffffff}, One{0x100000000}, Outcome::done, adding(1));
}

TEST(load_add_store_each_ends_at_the_first_index_out_of_range) {
  using Words = std::array<int64_t, 3>;
  const std::array<Addition, 5> additions = {{{0, 1}, {2, -5}, {0, 7}, {3, 1}, {1, 1}}};
  const Addition* const begin = additions.data();
  for_each_index([&](Index index) {
    const auto made_of = [&](uint32_t index_value, Words& words, uint32_t count) {
      return load_add_store_each(Here{current_area(), index_value, index}, words.data(), 3, begin, begin + count) -
             begin;
    };
    Words words = {10, kMost, kLeast};
    CHECK_EQUAL(made_of(kNoSuchIndex, words, 3), 0);
    CHECK((words == Words{10, kMost, kLeast}));
    // The fourth addition is out of range. The section makes the three before it, and not the one after it.
    for (const uint32_t count : {1u, 3u, 5u}) {
      const ptrdiff_t wanted = std::min<ptrdiff_t>(count, 3);
      ptrdiff_t made = 0;
      // Starts anew if the section was aborted or moved in the middle.
      for (int attempt = 0; attempt < 10'000 && made != wanted; attempt++) {
        words = {10, kMost, kLeast};
        made = made_of(here(index).index, words, count);
      }
      CHECK_EQUAL(made, wanted);
      CHECK((words == (count == 1 ? Words{11, kMost, kLeast} : Words{18, kMost, kMost - 4})));
    }
  });
}

namespace {

/** Runs a section that adds spans, on 48 words. It must not touch the first and the last 16 words. */
template <typename Section> void check_span(Section section) {
  constexpr uint32_t kBegin = kSpanWords;
  constexpr uint32_t kEnd = 2 * kSpanWords;
  constexpr int32_t kMost32 = std::numeric_limits<int32_t>::max();
  const std::array<int32_t, kSpanWords> added = {1, 1, -1, -kMost32 - 1, 0, 0, 0, 0, 0, kMost32, 0, 0, 5, 0, 0, -7};
  for_each_index([&](Index index) {
    alignas(kSpanAlignment) std::array<int64_t, 3 * kSpanWords> words;
    std::iota(words.begin(), words.end(), int64_t{100});
    words[kBegin + 1] = kMost;
    words[kBegin + 2] = kLeast;
    std::array<int32_t, 3 * kSpanWords> sums;
    sums.fill(9);
    std::copy(added.begin(), added.end(), sums.begin() + kBegin);
    const auto made_of = [&](uint32_t index_value, uint32_t next) {
      return section(Here{current_area(), index_value, index}, words.data(), sums.data(), next, kEnd);
    };
    auto wanted_words = words;
    auto wanted_sums = sums;
    CHECK_EQUAL(made_of(kNoSuchIndex, kBegin), kBegin);
    CHECK(words == wanted_words && sums == wanted_sums);
    for (uint32_t k = 0; k < kSpanWords; k++) {
      const auto sum = static_cast<uint64_t>(words[kBegin + k]) + static_cast<uint64_t>(int64_t{added[k]});
      wanted_words[kBegin + k] = static_cast<int64_t>(sum);
      wanted_sums[kBegin + k] = 0;
    }
    // Continues where the section was aborted or moved.
    uint32_t next = kBegin;
    for (int attempt = 0; attempt < 10'000 && next != kEnd; attempt++)
      next = made_of(here(index).index, next);
    CHECK_EQUAL(next, kEnd);
    CHECK(words == wanted_words);
    CHECK(sums == wanted_sums);
  });
}

/** If the 16 words in the middle have nothing to add, the section changes none of the 48 words. */
template <typename Section> void check_gaps(Section section) {
  constexpr uint32_t kEnd = 4 * kSpanWords;
  for_each_index([&](Index index) {
    for (const uint32_t used : {0u, 1u, 17u, 47u, 63u}) {
      alignas(kSpanAlignment) std::array<int64_t, kEnd> words = {};
      std::array<int32_t, kEnd> sums = {};
      sums[used] = -3;
      uint32_t next = 0;
      for (int attempt = 0; attempt < 10'000 && next != kEnd; attempt++)
        next = section(here(index), words.data(), sums.data(), next, kEnd);
      CHECK_EQUAL(next, kEnd);
      for (uint32_t k = 0; k < kEnd; k++) {
        CHECK_EQUAL(words[k], k == used ? -3 : 0);
        CHECK_EQUAL(sums[k], 0);
      }
    }
  });
}

} // namespace

TEST(load_add_store_span_adds_sums_and_clears_them) {
  check_span(load_add_store_span);
  check_gaps(load_add_store_span);
  check_span(add_span);
}

#if defined(__x86_64__)
TEST(load_add_store_span_avx_does_the_same) {
  if (__builtin_cpu_supports("avx")) {
    check_span(load_add_store_span_avx);
    check_gaps(load_add_store_span_avx);
  }
}
#endif

TEST(load_add_store_f64_adds_as_cpp_does) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  const double pairs[][2] = {{0.1, 0.2}, {1e308, 1e308}, {-0.0, 0.0},         {-0.0, -0.0},
                             {1, 1e-17}, {kTiny, kTiny}, {kInfinity, -1e308}, {kInfinity, -kInfinity}};
  for (const auto& [value, count] : pairs) {
    // Bits, not doubles: -0 and NaN compare in their own ways.
    One before, after;
    const double sum = value + count;
    memcpy(&before, &value, sizeof(value));
    memcpy(&after, &sum, sizeof(sum));
    check_section(before, after, Outcome::done, [added = count](const Here& here, One& words) {
      return load_add_store_f64(here, reinterpret_cast<double*>(words.data()), added);
    });
  }
}

TEST(load_add_load_load_add_store_adds_behind_a_table) {
  static int64_t counter;
  static int64_t* table[2] = {nullptr, &counter};
  static int64_t** here_is_the_table = table;
  for_each_index([](Index index) {
    counter = 40;
    const auto section = [](const Here& here) {
      return load_add_load_load_add_store(here, reinterpret_cast<intptr_t*>(&here_is_the_table), sizeof(void*), 2);
    };
    CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
    CHECK_EQUAL(counter, 40);
    CHECK_EQUAL(settled(index, section), Outcome::done);
    CHECK_EQUAL(counter, 42);
    CHECK(table[0] == nullptr && table[1] == &counter && here_is_the_table == table);
  });
}

TEST(load_cbne_store_store_stores_both) {
  for (const Order order : kOrders) {
    const auto section = [order](const Here& here, Two& words) {
      return load_cbne_store_store(here, order, &words[0], 5, &words[1], -6, -7);
    };
    check_section(Two{5, 0}, Two{-7, -6}, Outcome::done, section);
    check_section(Two{4, 0}, Two{4, 0}, Outcome::compare_failed, section);
  }
}

TEST(load_cbne_load_cbne_store_compares_both) {
  const auto section = [](const Here& here, Two& words) {
    return load_cbne_load_cbne_store(here, &words[0], 5, &words[1], 6, -7);
  };
  check_section(Two{5, 6}, Two{-7, 6}, Outcome::done, section);
  check_section(Two{4, 6}, Two{4, 6}, Outcome::compare_failed, section);
  check_section(Two{5, 7}, Two{5, 7}, Outcome::compare_failed, section);
  check_section(Two{4, 7}, Two{4, 7}, Outcome::compare_failed, section);
}

TEST(load_spin_store_waits_until_it_sees_the_word_or_its_rounds_end) {
  using Words = std::array<uint32_t, 3>; // The word, the value that was seen, and a word that must not change.
  const auto spinning = [](uint64_t spins) {
    return [spins](const Here& here, Words& words) { return load_spin_store(here, &words[0], 5, spins, &words[1]); };
  };
  for (const uint64_t spins : {0ul, 1ul, 1000ul}) {
    check_section(Words{5, 1, 1}, Words{5, 5, 1}, Outcome::done, spinning(spins));
    check_section(Words{UINT32_MAX, 1, 1}, Words{UINT32_MAX, UINT32_MAX, 1}, Outcome::done, spinning(spins));
  }
  check_section(Words{5, 1, 1}, Words{5, 5, 1}, Outcome::done, spinning(UINT64_MAX));
}

TEST(load_store_spin_add_store_marks_its_entry) {
  for (const uint64_t spins : {0ul, 1ul, 1000ul}) {
    for_each_index([spins](Index index) {
      int64_t word = 40;
      uint32_t entered = 0;
      const auto section = [&](const Here& here) { return load_store_spin_add_store(here, &word, 2, &entered, spins); };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK_EQUAL(word, 40);
      CHECK_EQUAL(entered, 0u);
      CHECK_EQUAL(settled(index, section), Outcome::done);
      CHECK_EQUAL(word, 42);
      CHECK_EQUAL(entered, 1u);
    });
  }
}

TEST(an_unregistered_area_lets_no_section_run) {
  for (const uint32_t cpu_id : {UINT32_MAX, UINT32_MAX - 1}) {
    Area area = {0, cpu_id, 0, 0, 0, 0, 0};
    int64_t word = 40;
    // These indexes pass a bounds check: the first and the last on a machine with 65,536 CPUs.
    for (const uint32_t index : {0u, 65535u})
      CHECK_EQUAL(load_add_store(Here{&area, index, Index::cpu_id}, &word, 2), Outcome::moved);
    CHECK_EQUAL(word, 40);
  }
}

TEST(the_kernel_fills_the_concurrency_id) {
  if (!has_mm_cid())
    return skip("the kernel has no concurrency ids (Linux 6.3), so sections by mm_cid were left out");
  CHECK(here(Index::mm_cid).index < kNoSuchIndex);
}

TEST(pops_that_note_their_holder_check_all_that_the_caller_saw) {
  for_each_index([](Index index) {
    // A count, a stop word and two values.
    int64_t stack[4] = {2, 0, 50, 51};
    uint32_t note = 0;
    const auto pop = [&](int64_t count, int64_t value, uint32_t by) {
      return settled(index, [&](const Here& here) {
        return load_cbne_load_cbne_load_cbne_store_add_store(here, stack, count, stack + 1 + count, value, &note, by);
      });
    };
    CHECK_EQUAL(pop(2, 50, 7), Outcome::compare_failed);
    CHECK_EQUAL(pop(1, 50, 7), Outcome::compare_failed);
    stack[1] = 1;
    CHECK_EQUAL(pop(2, 51, 7), Outcome::compare_failed);
    stack[1] = 0;
    CHECK_EQUAL(note, 0u);
    CHECK_EQUAL(pop(2, 51, 7), Outcome::done);
    CHECK_EQUAL(stack[0], int64_t{1});
    CHECK_EQUAL(note, 7u);

    // A head, a stop word and two links: node 1, then node 0.
    int64_t list[4] = {2, 0, 0, 1};
    const auto pop_node = [&](int64_t head, uint32_t by) {
      return settled(index, [&](const Here& here) {
        return load_cbne_load_cbne_store_load_store(here, list, head, list + 1 + head, &note, by);
      });
    };
    CHECK_EQUAL(pop_node(1, 8), Outcome::compare_failed);
    list[1] = 1;
    CHECK_EQUAL(pop_node(2, 8), Outcome::compare_failed);
    list[1] = 0;
    CHECK_EQUAL(note, 7u);
    CHECK_EQUAL(pop_node(2, 8), Outcome::done);
    CHECK_EQUAL(list[0], int64_t{1});
    CHECK_EQUAL(note, 8u);
  });
}

#include "../../rseq/sections.h"
#include "place.h"

#include <array>
#include <cstring>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr size_t kLongest = 64;
constexpr size_t kAlignments = 8;
/** Room for the longest copy at the largest offset, and a margin of 8 bytes on both sides. */
constexpr size_t kRoom = 8 + kAlignments + kLongest + 8;
using Bytes = std::array<unsigned char, kRoom>;

/** Fills bytes so that neighbours differ, and a copy that is one byte off is detected. */
Bytes pattern(unsigned start) {
  Bytes bytes;
  for (size_t i = 0; i < kRoom; i++)
    bytes[i] = static_cast<unsigned char>(start + 37 * i);
  return bytes;
}

/** Copies `length` bytes, and compares both whole buffers with the result of memcpy. */
bool copies_exactly(Index index, Order order, size_t length, size_t from, size_t to) {
  const Bytes source = pattern(1), before = pattern(100);
  Bytes wanted = before;
  memcpy(&wanted[8 + to], &source[8 + from], length);

  Bytes read = source, written = before;
  int64_t word = 5;
  const auto section = [&](const Here& here) {
    return load_cbne_memcpy_store(here, order, &word, 5, &written[8 + to], &read[8 + from], length, -7);
  };
  return settled(index, section) == Outcome::done && word == -7 && written == wanted && read == source;
}

template <typename Body> void for_each_index_and_order(Body body) {
  for_each_index([&](Index index) {
    body(index, Order::relaxed);
    body(index, Order::release);
  });
}

} // namespace

TEST(load_cbne_memcpy_store_copies_every_length_at_every_alignment) {
  for_each_index_and_order([](Index index, Order order) {
    for (size_t length = 0; length <= kLongest; length++)
      for (size_t from = 0; from < kAlignments; from++)
        for (size_t to = 0; to < kAlignments; to++)
          if (!CHECK(copies_exactly(index, order, length, from, to)))
            std::cout << "  length " << length << " from " << from << " to " << to << '\n';
  });
}

TEST(load_cbne_memcpy_store_changes_nothing_if_it_may_not_copy) {
  for_each_index_and_order([](Index index, Order order) {
    const Bytes source = pattern(1), before = pattern(100);
    Bytes written = before;
    int64_t word = 6;
    int64_t expect = 5;
    const auto section = [&](const Here& here) {
      return load_cbne_memcpy_store(here, order, &word, expect, written.data(), source.data(), kRoom, -7);
    };
    CHECK_EQUAL(settled(index, section), Outcome::compare_failed);
    expect = word;
    CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
    CHECK_EQUAL(word, 6);
    CHECK(written == before);
  });
}

#include "../../percpu/ring.h"

#include "../../rseq/tick_clock.h"
#include "memory.h"
#include "pinned.h"
#include "place.h"

#include <atomic>
#include <cstring>
#include <limits>
#include <random>
#include <sched.h>
#include <string>
#include <thread>
#include <vector>

using namespace rseq;
using namespace rseq::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kCapacity = 512;
// Words of a shard.
constexpr uint32_t kHead = 0, kStop = 1, kDropped = 2, kTail = 16, kReader = 17;

/** A record as a reader gets it. */
struct Read {
  std::string text;
  uint32_t cpu;
  uint32_t thread;
  int64_t nanoseconds;
};

std::vector<Read> records_in(const unsigned char* bytes, uint32_t length) {
  std::vector<Read> found;
  for (uint32_t at = 0; at < length;) {
    uint64_t meta = 0;
    int64_t nanoseconds = 0;
    memcpy(&meta, bytes + at, sizeof(meta));
    memcpy(&nanoseconds, bytes + at + 8, sizeof(nanoseconds));
    const uint32_t size = meta & 0xffff;
    found.push_back({std::string(reinterpret_cast<const char*>(bytes + at + kReadFrame), size),
                     static_cast<uint32_t>(meta >> 16 & 0xffff), static_cast<uint32_t>(meta >> 32), nanoseconds});
    at += kReadFrame + (size + 7) / 8 * 8;
  }
  return found;
}

class Rings {
public:
  explicit Rings(Policy policy = Policy::discard, Index index = Index::cpu_id, Writers writers = Writers::sections,
                 uint32_t capacity = kCapacity)
      : memory(region_size(kShards, kRingHead + capacity / 8)), scratch(kLongestRecord), copy(capacity + 4096) {
    const RegionSpec spec = {Kind::ring, Element::i64, index, writers, kShards, kRingHead + capacity / 8, policy};
    Region region = {};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::ring, region), RegionError::none);
    CHECK_EQUAL(ring_open(region, scratch.data(), seat), RegionError::none);
  }

  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(seat.region, shard, i); }

  Status write(const std::string& text) {
    memcpy(scratch.data(), text.data(), text.size());
    return ring_write(seat, static_cast<uint32_t>(text.size()));
  }

  std::vector<Read> read(uint32_t shard, uint32_t room = 8192) {
    uint32_t bytes = 0;
    CHECK_EQUAL(
        ring_read(seat, shard, copy.data(), room < copy.size() ? room : static_cast<uint32_t>(copy.size()), bytes),
        Status::ok);
    return records_in(copy.data(), bytes);
  }

  std::vector<Read> snapshot(uint32_t shard) {
    uint32_t bytes = 0;
    CHECK_EQUAL(ring_snapshot(seat, shard, copy.data(), static_cast<uint32_t>(copy.size()), bytes), Status::ok);
    return records_in(copy.data(), bytes);
  }

  uint64_t dropped() const {
    uint64_t sum = 0;
    for (uint32_t shard = 0; shard <= kShards; shard++)
      sum += ring_dropped(seat, shard);
    return sum;
  }

  Memory memory;
  std::vector<unsigned char> scratch;
  std::vector<unsigned char> copy;
  RingSeat seat = {};
};

uint32_t in_ring(size_t length) {
  return static_cast<uint32_t>((length + 7) / 8 * 8) + kRecordFrame;
}

/** The shard where the calling thread's records go. */
uint32_t shard_here(const Rings& rings) {
  const uint32_t index = here(rings.seat.region.index).index;
  return index < rings.seat.region.section_shards ? index : kShards;
}

std::string text_of(uint32_t number) {
  return std::string(number % 30, 'a') + std::to_string(number);
}

} // namespace

TEST(a_ring_gives_back_what_was_written_in_order) {
  const Pinned pinned;
  for_each_index([](Index index) {
    Rings rings(Policy::discard, index);
    const int64_t before = monotonic_ns();
    for (uint32_t number = 0; number < 3; number++)
      CHECK_EQUAL(rings.write(text_of(7 * number)), Status::ok);
    const uint32_t shard = shard_here(rings);
    CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
    const std::vector<Read> found = rings.read(shard);
    CHECK_EQUAL(found.size(), size_t{3});
    int64_t last = before - 1000000;
    for (uint32_t number = 0; number < found.size(); number++) {
      CHECK_EQUAL(found[number].text, text_of(7 * number));
      CHECK_EQUAL(found[number].cpu, static_cast<uint32_t>(sched_getcpu()));
      CHECK_EQUAL(static_cast<uint64_t>(found[number].thread) << 32, rings.seat.thread);
      CHECK(found[number].nanoseconds >= last);
      last = found[number].nanoseconds;
    }
    CHECK(last <= monotonic_ns() + 1000000);
    CHECK_EQUAL(ring_release(rings.seat), Status::ok);
  });
}

TEST(a_ring_goes_round_and_round) {
  const Pinned pinned;
  for_each_index([](Index index) {
    Rings rings(Policy::discard, index);
    const uint32_t shard = shard_here(rings);
    CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
    for (uint32_t number = 0; number < 500; number++) {
      CHECK_EQUAL(rings.write(text_of(number)), Status::ok);
      const std::vector<Read> found = rings.read(shard);
      if (found.size() != 1 || found[0].text != text_of(number))
        CHECK_EQUAL(number, ~0u);
      CHECK_EQUAL(ring_free(rings.seat, shard, in_ring(text_of(number).size())), Status::ok);
    }
    ring_release(rings.seat);
  });
}

TEST(a_record_without_room_is_counted_and_one_that_is_too_long_refused) {
  const Pinned pinned;
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Rings rings(Policy::discard, Index::cpu_id, writers);
    const std::string text(rings.seat.longest, 'x');
    CHECK_EQUAL(in_ring(text.size()) * kLeastRecords, kCapacity);
    for (uint32_t number = 0; number < kLeastRecords; number++)
      CHECK_EQUAL(rings.write(text), Status::ok);
    for (uint64_t lost = 1; lost < 4; lost++) {
      CHECK_EQUAL(rings.write(""), Status::full);
      CHECK_EQUAL(rings.dropped(), lost);
    }
    CHECK_EQUAL(ring_write(rings.seat, rings.seat.longest + 1), Status::out_of_range);
    CHECK_EQUAL(ring_write(rings.seat, UINT32_MAX), Status::out_of_range);
    CHECK_EQUAL(rings.dropped(), uint64_t{3});
  }
}

TEST(a_reader_with_little_room_gets_whole_records) {
  const Pinned pinned;
  Rings rings;
  const uint32_t shard = shard_here(rings);
  for (uint32_t number = 0; number < 8; number++)
    CHECK_EQUAL(rings.write(text_of(number)), Status::ok);
  CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
  uint32_t bytes = 0;
  CHECK_EQUAL(ring_read(rings.seat, shard, rings.copy.data(), kReadFrame + rings.seat.longest - 1, bytes),
              Status::out_of_range);
  CHECK_EQUAL(ring_read(rings.seat, kShards + 1, rings.copy.data(), 4096, bytes), Status::out_of_range);
  const std::vector<Read> found = rings.read(shard, kReadFrame + rings.seat.longest);
  CHECK(!found.empty() && found.size() < 8);
  ring_release(rings.seat);
}

TEST(one_thread_reads_at_a_time) {
  Rings rings;
  uint32_t bytes = 0;
  CHECK_EQUAL(ring_read(rings.seat, 0, rings.copy.data(), 4096, bytes), Status::not_owner);
  CHECK_EQUAL(ring_free(rings.seat, 0, 0), Status::not_owner);
  CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
  CHECK_EQUAL(ring_claim(rings.seat), Status::held_already);
  on_thread([&] { CHECK_EQUAL(ring_free(rings.seat, 0, 0), Status::not_owner); });
  CHECK_EQUAL(ring_release(rings.seat), Status::ok);
  // A reader that ends is followed by the next.
  on_thread([&] { CHECK_EQUAL(ring_claim(rings.seat), Status::ok); });
  CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
  CHECK_EQUAL(ring_release(rings.seat), Status::ok);
}

TEST(a_flight_recorder_keeps_the_youngest) {
  const Pinned pinned;
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Rings rings(Policy::overwrite, Index::cpu_id, writers);
    const uint32_t here_now = here(Index::cpu_id).index;
    const uint32_t shard = here_now < kShards ? here_now : kShards;
    CHECK_EQUAL(rings.snapshot(shard).size(), size_t{0});
    size_t most = 0;
    for (uint32_t number = 0; number < 300; number++) {
      CHECK_EQUAL(rings.write(text_of(number)), Status::ok);
      const std::vector<Read> found = rings.snapshot(shard);
      most = found.size() > most ? found.size() : most;
      // The last ones without a gap, up to this one; all but what a writer might have been at.
      size_t kept = 0;
      for (size_t i = 0; i < found.size(); i++) {
        if (found[i].text != text_of(number + 1 - static_cast<uint32_t>(found.size() - i)))
          CHECK_EQUAL(number, ~0u);
        kept += in_ring(found[i].text.size());
      }
      const uint32_t next = number + 1 - static_cast<uint32_t>(found.size());
      if (next != 0)
        CHECK(kept + in_ring(text_of(next - 1).size()) + in_ring(rings.seat.longest) > kCapacity);
    }
    CHECK(most > 5);
    CHECK_EQUAL(rings.dropped(), uint64_t{0});
  }
}

TEST(who_finds_a_cpu_stopped_writes_to_the_overflow_ring) {
  const Pinned pinned;
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    Rings rings(policy);
    for (uint32_t shard = 0; shard < kShards; shard++)
      rings.word(shard, kStop) = rings.seat.thread >> 32; // A thread that lives.
    CHECK_EQUAL(rings.write("there"), Status::ok);
    const std::vector<Read> found = rings.snapshot(kShards);
    CHECK_EQUAL(found.size(), size_t{1});
    CHECK_EQUAL(found[0].text, std::string("there"));
    CHECK_EQUAL(found[0].cpu, static_cast<uint32_t>(sched_getcpu()));
  }
}

TEST(a_thread_without_rseq_writes_to_the_overflow_ring) {
  Rings rings;
  if (!on_refused_thread([&] { CHECK_EQUAL(rings.write("there"), Status::ok); }))
    return skip(kCannotRefuse);
  CHECK_EQUAL(rings.snapshot(kShards).size(), size_t{1});
}

TEST(stamps_never_go_back) {
  const Pinned pinned;
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Rings rings(Policy::discard, Index::cpu_id, writers);
    CHECK_EQUAL(rings.write(""), Status::ok);
    const uint32_t here_now = here(Index::cpu_id).index;
    const uint32_t shard = here_now < kShards ? here_now : kShards;
    // The first record's stamp, in the future.
    constexpr uint64_t kFuture = uint64_t{1} << 62;
    rings.word(shard, kRingHead + 1) = kFuture;
    CHECK_EQUAL(rings.write(""), Status::ok);
    CHECK_EQUAL(rings.word(shard, kRingHead + 4), kFuture);
  }
}

TEST(a_region_of_another_shape_is_no_ring) {
  Memory memory(region_size(2, 4096));
  const auto open_with = [&](uint32_t length, Policy policy, Kind kind) {
    const RegionSpec spec = {kind, Element::i64, Index::cpu_id, Writers::sections, 2, length, policy};
    Region region = {};
    RingSeat seat = {};
    RegionError error = format_region(memory.data(), memory.size(), spec);
    if (error == RegionError::none)
      error = open_region(memory.data(), memory.size(), kind, region);
    return error != RegionError::none ? error : ring_open(region, nullptr, seat);
  };
  CHECK_EQUAL(open_with(kRingHead + 64, Policy::discard, Kind::ring), RegionError::none);
  CHECK_EQUAL(open_with(kRingHead + 64, Policy::overwrite, Kind::ring), RegionError::none);
  CHECK_EQUAL(open_with(kRingHead + 63, Policy::discard, Kind::ring), RegionError::geometry);
  CHECK_EQUAL(open_with(kRingHead + 16, Policy::discard, Kind::ring), RegionError::geometry);
  CHECK_EQUAL(open_with(kRingHead + 64, Policy::none, Kind::ring), RegionError::field);
  CHECK_EQUAL(open_with(kRingHead + 64, static_cast<Policy>(3), Kind::ring), RegionError::field);
  CHECK_EQUAL(open_with(kRingHead + 64, Policy::discard, Kind::stack), RegionError::field);
  CHECK_EQUAL(open_with(kRingHead + 64, Policy::none, Kind::stack), RegionError::geometry);
}

TEST(whatever_is_in_a_ring_leads_to_an_answer) {
  // In memory of exactly its size: a sanitizer sees every step outside.
  const Pinned pinned;
  std::mt19937_64 random(7);
  const auto wild = [&](uint64_t near) {
    switch (random() % 6) {
    case 0:
      return random();
    case 1:
      return uint64_t{0};
    case 2:
      return near + random() % 64;
    case 3:
      return near - random() % 1024;
    case 4:
      return std::numeric_limits<uint64_t>::max() - random() % 64;
    default:
      return near;
    }
  };
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      Rings rings(policy, Index::cpu_id, writers);
      const uint32_t here_now = here(Index::cpu_id).index;
      const uint32_t shard = here_now < kShards ? here_now : kShards;
      uint32_t whole = 0, refused = 0;
      for (int round = 0; round < 20000; round++) {
        rings.word(shard, kHead) = wild(rings.word(shard, kHead));
        rings.word(shard, kTail) = wild(rings.word(shard, kHead));
        for (int i = 0; i < 8; i++)
          rings.word(shard, kRingHead + static_cast<uint32_t>(random() % (kCapacity / 8))) = wild(random() % 4096);
        const Status written = ring_write(rings.seat, static_cast<uint32_t>(random() % (rings.seat.longest + 1)));
        CHECK(written == Status::ok || written == Status::full || written == Status::corrupt);
        uint32_t bytes = 0;
        ring_unread(rings.seat, shard, bytes);
        CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
        const Status read =
            ring_read(rings.seat, shard, rings.copy.data(), static_cast<uint32_t>(rings.copy.size()), bytes);
        whole += read == Status::ok;
        refused += read == Status::corrupt;
        records_in(rings.copy.data(), bytes);
        ring_free(rings.seat, shard, static_cast<uint32_t>(wild(bytes)));
        CHECK_EQUAL(ring_release(rings.seat), Status::ok);
        ring_snapshot(rings.seat, shard, rings.copy.data(), static_cast<uint32_t>(rings.copy.size()), bytes);
        records_in(rings.copy.data(), bytes);
      }
      CHECK(whole != 0);
      CHECK(refused != 0);
    }
  }
}

TEST(a_snapshot_has_whole_records_while_a_writer_goes_on) {
  constexpr uint32_t kBig = 4096;
  Rings rings(Policy::overwrite, Index::cpu_id, Writers::sections, kBig);
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> written = 0;
  std::thread writer([&] {
    attach();
    RingSeat seat = rings.seat;
    std::vector<unsigned char> bytes(kLongestRecord);
    seat.scratch = bytes.data();
    for (uint64_t number = 0; !stop; number++) {
      // All bytes of a record are the same, and its length is another each time.
      memset(bytes.data(), static_cast<int>(number % 251), seat.longest);
      ring_write(seat, static_cast<uint32_t>(number % (seat.longest + 1)));
      written = number + 1;
    }
    detach();
  });
  uint64_t torn = 0, seen = 0;
  while (written < 1000 || seen < 1000) {
    for (uint32_t shard = 0; shard <= kShards; shard++) {
      if (rings.word(shard, kHead) == 0)
        continue;
      for (const Read& record : rings.snapshot(shard)) {
        seen++;
        torn += record.text.find_first_not_of(record.text[0]) != std::string::npos;
      }
    }
  }
  stop = true;
  writer.join();
  CHECK_EQUAL(torn, uint64_t{0});
}

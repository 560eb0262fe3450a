#include "../../percpu/ring.h"
#include "../../percpu/owner.h"

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
#include <unistd.h>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kCapacity = 512;
// The words of a shard.
constexpr uint32_t kHead = 0, kStop = 1, kDropped = 2, kTail = 16, kReader = 17;

/** A record that a reader got. */
struct Read {
  std::string text;
  uint32_t cpu;
  uint32_t thread;
  bool truncated;
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
                     static_cast<uint32_t>(meta >> 16 & 0xffff), static_cast<uint32_t>(meta >> 32 & 0x3fffffff),
                     (meta >> 62 & 1) != 0, nanoseconds});
    at += kReadFrame + (size + 7) / 8 * 8;
  }
  return found;
}

class Rings {
public:
  explicit Rings(Policy policy = Policy::discard, Index index = Index::cpu_id, Writers writers = Writers::sections,
                 uint32_t capacity = kCapacity, bool has_own_time = false)
      : memory(region_size(kShards, kRingHead + capacity / 8)), scratch(scratch_size(longest_record(capacity))),
        copy(capacity + kReadFrame + longest_record(capacity)) {
    const RegionSpec spec = {Kind::ring, Element::i64, index, writers, kShards, kRingHead + capacity / 8, policy};
    Region region = {};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::ring, region), RegionError::none);
    CHECK_EQUAL(ring_open(region, scratch.data(), static_cast<uint32_t>(scratch.size()), seat), RegionError::none);
    ring_use_own_time(seat, has_own_time);
  }

  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(seat.region, shard, i); }

  Status write(const std::string& text) {
    memcpy(scratch.data(), text.data(), text.size());
    return ring_write(seat, static_cast<uint32_t>(text.size()));
  }

  std::vector<Read> read(uint32_t shard, uint32_t room = UINT32_MAX) {
    uint32_t bytes = 0;
    CHECK_EQUAL(
        ring_read(seat, shard, copy.data(), room < copy.size() ? room : static_cast<uint32_t>(copy.size()), bytes),
        Status::ok);
    return records_in(copy.data(), bytes);
  }

  /** Reads the records of a shard, by the operation that the policy allows. */
  std::vector<Read> all(uint32_t shard) {
    if (seat.region.policy == Policy::overwrite)
      return snapshot(shard);
    CHECK_EQUAL(ring_claim(seat), Status::ok);
    std::vector<Read> found = read(shard);
    CHECK_EQUAL(ring_release(seat), Status::ok);
    return found;
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

/** Returns the shard of the calling thread's sections; the overflow shard if it has none. */
uint32_t shard_here(const Rings& rings) {
  const uint32_t index = here(rings.seat.region.index).index;
  return index < rings.seat.region.section_shards ? index : kShards;
}

/** Returns the shard to which the calling thread writes, even if atomics write the region. */
uint32_t shard_in(const Rings& rings) {
  return rings.seat.region.section_shards != 0 ? shard_here(rings) : shard_without_section(rings.seat.region);
}

/** A large ring for each CPU of this machine. */
class LargeRing {
public:
  LargeRing(Policy policy, Writers writers, uint32_t capacity, bool has_own_time)
      : shards(static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_CONF))),
        memory(region_size(shards, kRingHead + capacity / 8)), scratch(scratch_size(longest_record(capacity))),
        copy(capacity) {
    const RegionSpec spec = {Kind::ring, Element::i64, Index::cpu_id, writers, shards, kRingHead + capacity / 8,
                             policy};
    Region region = {};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::ring, region), RegionError::none);
    CHECK_EQUAL(ring_open(region, scratch.data(), static_cast<uint32_t>(scratch.size()), seat), RegionError::none);
    ring_use_own_time(seat, has_own_time);
  }

  /** Reads the records of all shards, and frees their room unless told otherwise. */
  std::vector<Read> take() {
    std::vector<Read> found;
    const bool is_recorder = seat.region.policy == Policy::overwrite;
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint32_t bytes = 0;
      const auto room = static_cast<uint32_t>(copy.size());
      if (!is_recorder)
        CHECK_EQUAL(ring_claim(seat), Status::ok);
      CHECK_EQUAL(is_recorder ? ring_snapshot(seat, shard, copy.data(), room, bytes)
                              : ring_read(seat, shard, copy.data(), room, bytes),
                  Status::ok);
      for (const Read& record : records_in(copy.data(), bytes))
        found.push_back(record);
      if (is_recorder)
        continue;
      if (bytes != 0)
        CHECK_EQUAL(ring_free(seat, shard, ring_record_size(copy.data())), Status::ok);
      CHECK_EQUAL(ring_release(seat), Status::ok);
    }
    return found;
  }

  const uint32_t shards;
  Memory memory;
  std::vector<unsigned char> scratch;
  std::vector<unsigned char> copy;
  RingSeat seat = {};
};

std::string text_of(uint32_t number) {
  return std::string(number % 30, 'a') + std::to_string(number);
}

} // namespace

TEST(a_ring_returns_records_in_the_order_of_writes) {
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

TEST(a_ring_continues_at_its_start_after_its_end) {
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

TEST(a_reader_with_a_small_buffer_gets_whole_records) {
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
  // After a reader ends, another thread can read.
  on_thread([&] { CHECK_EQUAL(ring_claim(rings.seat), Status::ok); });
  CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
  CHECK_EQUAL(ring_release(rings.seat), Status::ok);
}

TEST(a_flight_recorder_keeps_the_youngest_records) {
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
      // The copy has the last records without a gap, except those that a writer may have been overwriting.
      size_t kept = 0;
      for (size_t i = 0; i < found.size(); i++) {
        if (found[i].text != text_of(number + 1 - static_cast<uint32_t>(found.size() - i)))
          CHECK_EQUAL(number, ~0u);
        kept += in_ring(found[i].text.size());
      }
      const uint32_t next = number + 1 - static_cast<uint32_t>(found.size());
      if (next != 0)
        CHECK(kept + in_ring(text_of(next - 1).size()) + in_ring(rings.seat.longest + kRecordTime) > kCapacity);
    }
    CHECK(most > 5);
    CHECK_EQUAL(rings.dropped(), uint64_t{0});
  }
}

TEST(a_write_on_a_stopped_cpu_goes_to_the_overflow_ring) {
  const Pinned pinned;
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    Rings rings(policy);
    for (uint32_t shard = 0; shard < kShards; shard++)
      rings.word(shard, kStop) = this_owner(); // The owner is a living thread.
    CHECK_EQUAL(rings.write("there"), Status::ok);
    const std::vector<Read> found = rings.all(kShards);
    CHECK_EQUAL(found.size(), size_t{1});
    CHECK_EQUAL(found[0].text, std::string("there"));
    CHECK_EQUAL(found[0].cpu, static_cast<uint32_t>(sched_getcpu()));
  }
}

TEST(a_thread_without_rseq_writes_to_the_overflow_ring) {
  Rings rings;
  if (!on_refused_thread([&] { CHECK_EQUAL(rings.write("there"), Status::ok); }))
    return skip(kCannotRefuse);
  CHECK_EQUAL(rings.all(kShards).size(), size_t{1});
}

TEST(a_stamp_in_the_future_does_not_change_later_times) {
  const Pinned pinned;
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      Rings rings(policy, Index::cpu_id, writers);
      const uint32_t shard = shard_in(rings);
      const int64_t before = monotonic_ns();
      for (int number = 0; number < 3; number++)
        CHECK_EQUAL(rings.write(""), Status::ok);
      // Changes the stamp of the first record. A writer that read this stamp would pass it on to later records.
      rings.word(shard, kRingHead + 1) = uint64_t{1} << 62;
      CHECK_EQUAL(rings.write(""), Status::ok);
      const std::vector<Read> found = rings.all(shard);
      CHECK_EQUAL(found.size(), size_t{4});
      CHECK_EQUAL(found[0].nanoseconds, 0);
      for (size_t i = 1; i < found.size(); i++) {
        CHECK(found[i].nanoseconds >= before - kClockSlackNs);
        CHECK(found[i].nanoseconds <= monotonic_ns() + kClockSlackNs);
        CHECK(found[i].nanoseconds >= found[i - 1].nanoseconds);
      }
    }
  }
}

TEST(the_time_of_a_record_is_never_before_that_of_an_older_one) {
  const Pinned pinned;
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    Rings rings(policy);
    const uint32_t shard = shard_in(rings);
    for (int number = 0; number < 3; number++)
      CHECK_EQUAL(rings.write(""), Status::ok);
    // The stamps look as if the second writer had read the counter before the first writer.
    rings.word(shard, kRingHead + 4) = rings.word(shard, kRingHead + 1) - 1000;
    const std::vector<Read> found = rings.all(shard);
    CHECK_EQUAL(found.size(), size_t{3});
    CHECK_EQUAL(found[1].nanoseconds, found[0].nanoseconds);
    CHECK(found[2].nanoseconds >= found[1].nanoseconds);
  }
}

TEST(records_have_their_own_time_if_the_counter_is_not_trusted) {
  const Pinned pinned;
  for_each_index([](Index index) {
    for (const Policy policy : {Policy::discard, Policy::overwrite}) {
      for (const Writers writers : {Writers::sections, Writers::atomics}) {
        Rings rings(policy, index, writers, 4096, true);
        const uint32_t shard = shard_in(rings);
        for (uint32_t length = 0; length <= rings.seat.longest; length += length < 20 ? 1 : 167) {
          const std::string text(length, 'a');
          const int64_t before = monotonic_ns();
          CHECK_EQUAL(rings.write(text), Status::ok);
          const int64_t after = monotonic_ns();
          // An untrusted counter may have any value, so the test overwrites the stamp if a section wrote the record.
          if (rings.seat.region.section_shards != 0 && shard < kShards) {
            const uint64_t end = rings.word(shard, kHead);
            rings.word(shard, kRingHead + static_cast<uint32_t>((end - 16) % 4096 / 8)) = ~uint64_t{0} / 3;
          }
          const std::vector<Read> found = rings.all(shard);
          CHECK(!found.empty());
          CHECK_EQUAL(found.back().text, text);
          CHECK(found.back().nanoseconds >= before && found.back().nanoseconds <= after);
          if (policy == Policy::overwrite)
            continue;
          CHECK_EQUAL(found.size(), size_t{1});
          CHECK_EQUAL(ring_claim(rings.seat), Status::ok);
          CHECK_EQUAL(ring_free(rings.seat, shard, ring_record_size(rings.copy.data())), Status::ok);
          CHECK_EQUAL(ring_release(rings.seat), Status::ok);
          CHECK_EQUAL(rings.word(shard, kHead), rings.word(shard, kTail));
        }
      }
    }
  });
}

TEST(records_with_their_own_time_fit_into_a_ring) {
  const Pinned pinned;
  Rings rings(Policy::discard, Index::cpu_id, Writers::sections, kCapacity, true);
  uint32_t written = 0;
  while (rings.write("12345678") == Status::ok)
    written++;
  // A record that was written behind a lock has no time among its own bytes.
  const bool by_section = rings.seat.region.section_shards != 0 && shard_in(rings) < kShards;
  CHECK_EQUAL(written, kCapacity / in_ring(by_section ? 8 + kRecordTime : 8));
  CHECK_EQUAL(rings.dropped(), uint64_t{1});
  CHECK_EQUAL(rings.all(shard_in(rings)).size(), size_t{written});
}

TEST(records_of_up_to_64_KiB_are_written_whole) {
  const Pinned pinned;
  constexpr uint32_t kLarge = 1u << 19;
  CHECK_EQUAL(longest_record(kLarge), (1u << 16) - kRecordFrame);
  CHECK_EQUAL(longest_record(kMostRing), (1u << 16) - kRecordFrame);
  CHECK_EQUAL(longest_record(1u << 16), (1u << 14) - kRecordFrame);
  for (const Policy policy : {Policy::discard, Policy::overwrite}) {
    for (const Writers writers : {Writers::sections, Writers::atomics}) {
      for (const bool has_own_time : {false, true}) {
        // The region has shards of this size only for CPUs up to the current CPU.
        LargeRing large(policy, writers, kLarge, has_own_time);
        for (uint32_t turn = 0; turn < 12; turn++) {
          const uint32_t length = large.seat.longest - turn;
          memset(large.scratch.data(), static_cast<int>('a' + turn), length);
          const Wholeness wholeness = turn % 2 == 0 ? Wholeness::whole : Wholeness::truncated;
          CHECK_EQUAL(ring_write(large.seat, length, wholeness), Status::ok);
          const std::vector<Read> found = large.take();
          CHECK(!found.empty());
          CHECK_EQUAL(found.back().text.size(), size_t{length});
          CHECK_EQUAL(found.back().text.find_first_not_of(static_cast<char>('a' + turn)), std::string::npos);
          CHECK_EQUAL(found.back().truncated, turn % 2 != 0);
          CHECK_EQUAL(static_cast<uint64_t>(found.back().thread) << 32, large.seat.thread);
        }
      }
    }
  }
}

TEST(a_scratch_limits_the_length_of_a_record) {
  const Pinned pinned;
  Rings rings(Policy::discard, Index::cpu_id, Writers::sections, 4096);
  ring_use_scratch(rings.seat, rings.scratch.data(), scratch_size(64));
  CHECK_EQUAL(ring_write(rings.seat, 64), Status::ok);
  CHECK_EQUAL(ring_write(rings.seat, 65), Status::out_of_range);
  ring_use_scratch(rings.seat, rings.scratch.data(), 7);
  CHECK_EQUAL(ring_write(rings.seat, 1), Status::out_of_range);
  CHECK_EQUAL(ring_write(rings.seat, 0), Status::ok);
}

TEST(a_record_that_is_dropped_is_counted) {
  const Pinned pinned;
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    Rings rings(Policy::discard, Index::cpu_id, writers);
    for (uint64_t count = 1; count < 4; count++) {
      CHECK_EQUAL(ring_drop(rings.seat), Status::ok);
      CHECK_EQUAL(rings.dropped(), count);
      CHECK_EQUAL(ring_dropped(rings.seat, shard_in(rings)), count);
    }
    if (!on_refused_thread([&] { CHECK_EQUAL(ring_drop(rings.seat), Status::ok); }))
      continue;
    CHECK_EQUAL(rings.dropped(), uint64_t{4});
  }
}

TEST(a_ring_is_read_by_the_operation_of_its_policy) {
  uint32_t bytes = 1;
  Rings recorder(Policy::overwrite);
  CHECK_EQUAL(ring_claim(recorder.seat), Status::ok);
  CHECK_EQUAL(ring_read(recorder.seat, 0, recorder.copy.data(), static_cast<uint32_t>(recorder.copy.size()), bytes),
              Status::wrong_policy);
  CHECK_EQUAL(bytes, 0u);
  CHECK_EQUAL(ring_free(recorder.seat, 0, 0), Status::wrong_policy);
  CHECK_EQUAL(ring_release(recorder.seat), Status::ok);
  Rings rings(Policy::discard);
  CHECK_EQUAL(ring_snapshot(rings.seat, 0, rings.copy.data(), static_cast<uint32_t>(rings.copy.size()), bytes),
              Status::wrong_policy);
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
    return error != RegionError::none ? error : ring_open(region, nullptr, 0, seat);
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

TEST(every_content_of_a_ring_leads_to_an_answer) {
  // The memory has exactly the size of the ring, so a sanitizer detects every access outside.
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
      Rings rings(policy, Index::cpu_id, writers, kCapacity, writers == Writers::sections);
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
        const auto room = static_cast<uint32_t>(rings.copy.size());
        const Status read = policy == Policy::discard
                                ? ring_read(rings.seat, shard, rings.copy.data(), room, bytes)
                                : ring_snapshot(rings.seat, shard, rings.copy.data(), room, bytes);
        whole += read == Status::ok;
        refused += read == Status::corrupt;
        records_in(rings.copy.data(), bytes);
        ring_free(rings.seat, shard, static_cast<uint32_t>(wild(bytes)));
        CHECK_EQUAL(ring_release(rings.seat), Status::ok);
      }
      CHECK(whole != 0);
      CHECK(refused != 0);
    }
  }
}

TEST(a_snapshot_has_whole_records_during_writes) {
  constexpr uint32_t kBig = 4096;
  Rings rings(Policy::overwrite, Index::cpu_id, Writers::sections, kBig);
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> written = 0;
  std::thread writer([&] {
    attach();
    RingSeat seat = rings.seat;
    std::vector<unsigned char> bytes(scratch_size(seat.longest));
    ring_use_scratch(seat, bytes.data(), static_cast<uint32_t>(bytes.size()));
    for (uint64_t number = 0; !stop; number++) {
      // All bytes of a record are equal, and neighbouring records differ in length.
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

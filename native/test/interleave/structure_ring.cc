// Rings of records: their sections by themselves, and the library's (native/percpu/ring.h) in a region, with a reader.
#include "../../percpu/ring_shard.h"
#include "retry.h"

#include <cstring>
#include <vector>

namespace percpu::interleave {
namespace {

constexpr uint32_t kCapacity = kLeastRing;
/** Two words and three bytes, so that a record is of several words and of a length that is none of them. */
constexpr uint32_t kLength = 19;
constexpr uint32_t kSize = 24 + kRecordFrame;

/** In the memory of the case, opened by set_up(). */
RingSeat seat;
/** One for each role, as A stands in the middle of a section while B writes. */
alignas(8) unsigned char scratches[kRoles][scratch_size(longest_record(kCapacity))];

size_t size(uint32_t shards) {
  return region_size(shards, kRingHead + kCapacity / sizeof(uint64_t));
}

RingShard shard_of(uint32_t shard) {
  return RingShard(seat, shard);
}

/** The seat of a role, which is about to write its value. */
RingSeat seat_of(uint32_t role) {
  RingSeat own = seat;
  memset(scratches[role], static_cast<int>(1 + role), kLength);
  own.scratch = scratches[role];
  return own;
}

/** What a writer does, by plain code. */
Answer write_plainly(uint32_t number, uint64_t value) {
  const RingShard shard = shard_of(number);
  const uint64_t head = shard.head();
  if (seat.region.policy == Policy::discard && head - shard.tail() > kCapacity - kSize) {
    shard.set_dropped(shard.dropped() + 1);
    return kFull;
  }
  shard.set_at(head, seat.thread | kLength);
  for (uint32_t done = 0; done < 24; done += 8)
    shard.set_at(head + 8 + done, value * (done < 16 ? 0x0101010101010101 : 0x010101));
  shard.set_at(head + kSize - 8, head);
  shard.set_head(head + kSize);
  return 0;
}

/**
 * Rings whose next record goes over the end of their bytes, with as many records in them as the state says; the last
 * state is a full one.
 */
void set_up(const Memory& memory, Index index, uint32_t state, Policy policy) {
  const RegionSpec spec = {Kind::ring,    Element::i64,
                           index,         Writers::sections,
                           memory.shards, kRingHead + kCapacity / static_cast<uint32_t>(sizeof(uint64_t)),
                           policy};
  Region region = {};
  format_region(memory.bytes, memory.size, spec);
  open_region(memory.bytes, memory.size, Kind::ring, region);
  ring_open(region, scratches[0], sizeof(scratches[0]), seat);
  // One length of records, on every machine.
  ring_use_own_time(seat, false);
  const uint32_t records = state == 2 ? kCapacity / kSize : state;
  for (uint32_t i = 0; i <= memory.shards; i++) {
    const uint64_t begin = uint64_t{kCapacity} * 3 - 16 - uint64_t{records} * kSize;
    shard_of(i).set_head(begin);
    shard_of(i).set_tail(begin);
    for (uint32_t n = 0; n < records; n++)
      write_plainly(i, 50 + n);
  }
}

void set_up_discard(const Memory& memory, Index index, uint32_t state) {
  set_up(memory, index, state, Policy::discard);
}
void set_up_overwrite(const Memory& memory, Index index, uint32_t state) {
  set_up(memory, index, state, Policy::overwrite);
}

/** Clears stamps, CPUs, and all bytes outside of the records from `from` on: they are not part of the contents. */
void tidy_from(const RingShard& shard, uint64_t from) {
  std::vector<uint64_t> kept(kCapacity / 8);
  uint64_t end = shard.head();
  while (end - from >= kRecordFrame && end - from <= kCapacity) {
    const uint64_t start = shard.at(end - 8);
    const RecordFrame frame(shard.at(start));
    if (start < from || frame.size() != end - start)
      break;
    const auto put = [&](uint64_t position, uint64_t word) { kept[position % kCapacity / 8] = word; };
    constexpr uint64_t kCpu = 0xffff0000;
    put(start, frame.meta & ~kCpu);
    for (uint32_t done = 0; done < padded_record(frame.length); done += 8)
      put(start + 8 + done, shard.at(start + 8 + done));
    put(end - 8, start);
    end = start;
  }
  for (uint32_t position = 0; position < kCapacity; position += 8)
    shard.set_at(position, kept[position / 8]);
}

void tidy_discard(const Memory& memory) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    tidy_from(shard_of(i), shard_of(i).tail());
}

/** A writer that was aborted has been where the oldest records were: that is what snapshots leave out. */
void tidy_overwrite(const Memory& memory) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    tidy_from(shard_of(i), shard_of(i).head() + kSize - kCapacity);
}

const Structure discarding = {"ring_sections", size, 3, set_up_discard, tidy_discard};
const Structure overwriting = {"recorder_sections", size, 3, set_up_overwrite, tidy_overwrite};
const Structure ring = {"ring", size, 3, set_up_discard, tidy_discard};
const Structure recorder = {"recorder", size, 3, set_up_overwrite, tidy_overwrite};

Answer write_model(const Call& call, uint32_t shard) {
  return write_plainly(shard, 1 + call.role);
}

Answer write_by_section(const Call& call) {
  return retry(call, write_model, [&](const Here& here, Answer& answer) {
    const Outcome outcome = ring_write_at(seat_of(call.role), here, here.index, kLength);
    const RingShard shard = shard_of(here.index);
    if (outcome != Outcome::compare_failed)
      return outcome;
    // The sections by themselves do not count: what found no room is counted here, as in the model.
    shard.set_dropped(shard.dropped() + 1);
    answer = kFull;
    return Outcome::done;
  });
}

Answer write_by_library(const Call& call) {
  const Status status = ring_write(seat_of(call.role), kLength);
  return status == Status::full ? kFull : static_cast<Answer>(status);
}

/** All bytes of the record at a position count: one of two halves has a value of its own. */
Answer value_at(const RingShard& shard, uint64_t start) {
  Answer sum = 0;
  for (uint32_t done = 0; done < 24; done += 8)
    sum = sum * 31 + static_cast<Answer>(shard.at(start + 8 + done));
  return sum;
}

Answer read_model(const Call&, uint32_t number) {
  const RingShard shard = shard_of(number);
  if (shard.tail() == shard.head())
    return kEmpty;
  const Answer value = value_at(shard, shard.tail());
  shard.set_tail(shard.tail() + kSize);
  return value;
}

/** One record of this CPU's, by the library. */
Answer read_by_library(const Call& call) {
  alignas(8) unsigned char into[kReadFrame + 40];
  const uint32_t number = here(call.index).index;
  const RingShard shard = shard_of(number);
  const uint64_t start = shard.tail();
  uint32_t bytes = 0;
  if (ring_claim(seat) != Status::ok)
    return kBusy;
  const Status status = ring_read(seat, number, into, kReadFrame + seat.longest, bytes);
  const Answer value = bytes == 0 ? kEmpty : value_at(shard, start);
  if (bytes != 0)
    ring_free(seat, number, kSize);
  ring_release(seat);
  return status == Status::ok ? value : kBusy;
}

const Rows rows({
    {"write", &discarding, write_by_section, write_model, interleave::kAttempts, false, true},
    {"write", &overwriting, write_by_section, write_model, interleave::kAttempts, false, true},
    {"write", &ring, write_by_library, write_model, interleave::kAttempts, false, false,
     "rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_cpu_id"},
    {"read", &ring, read_by_library, read_model, 0, false, false},
    {"write", &recorder, write_by_library, write_model, interleave::kAttempts, false, false,
     "rseq_load_cbne_load_memcpy_stamp_store_cpu_id"},
});

} // namespace
} // namespace percpu::interleave

// Rings of records that all threads write and one of them reads, or copies: every record whole, once, and in its order.
#include "../../percpu/ring_shard.h"
#include "structure.h"

#include <array>
#include <cstring>
#include <mutex>

namespace percpu::stress {
namespace {

constexpr uint64_t kStepsPerRead = 64;
constexpr uint32_t kCapacity = 2048;

/** What a record says of itself: whose it is, its number, and a filler that depends on both, of some length. */
class Message {
public:
  static constexpr uint32_t kHead = 16, kMost = 120;

  static uint32_t write(unsigned char* into, uint64_t who, uint64_t number) {
    const auto length = static_cast<uint32_t>(kHead + (who * 31 + number * 7) % (kMost - kHead));
    memcpy(into, &who, sizeof(who));
    memcpy(into + 8, &number, sizeof(number));
    for (uint32_t i = kHead; i < length; i++)
      into[i] = filler(who, number, i);
    return length;
  }

  /** False if it is not as it was written. */
  static bool read(const unsigned char* bytes, uint32_t length, uint64_t& who, uint64_t& number) {
    if (length < kHead)
      return false;
    memcpy(&who, bytes, sizeof(who));
    memcpy(&number, bytes + 8, sizeof(number));
    std::array<unsigned char, kMost> wanted = {};
    return length <= kMost && write(wanted.data(), who, number) == length && memcmp(bytes, wanted.data(), length) == 0;
  }

private:
  static unsigned char filler(uint64_t who, uint64_t number, uint32_t i) {
    return static_cast<unsigned char>(who * 13 + number + i);
  }
};

class Rings : public Structure {
public:
  Rings(uint32_t count, const Options& options, Policy policy)
      : shards(count), memory(region_size(count, kLength) / kWord + 1), pads(options.threads), writers(options.threads),
        last(size_t{count + 1} * options.threads), chunk(kCapacity + 4096) {
    const RegionSpec spec = {Kind::ring, Element::i64, options.index, Writers::sections, count, kLength, policy};
    Region region = {};
    format_region(memory.data(), memory.size() * kWord, spec);
    open_region(memory.data(), memory.size() * kWord, Kind::ring, region);
    ring_open(region, pads[0].data(), kScratch, seat);
  }

  void step(Worker& worker) override {
    if (worker.counts.steps % kStepsPerRead == 0 && reading.try_lock()) {
      look();
      reading.unlock();
    }
    Writer& writer = writers[worker.number];
    RingSeat own = seat;
    own.thread = uint64_t{worker.number + 1} << 32;
    own.scratch = pads[worker.number].data();
    const uint32_t length = Message::write(pads[worker.number].data(), worker.number, ++writer.tried);
    writer.written += write(worker, own, length);
  }

protected:
  struct alignas(kShardAlignment) Writer {
    uint64_t tried = 0;
    uint64_t written = 0;
  };

  /** Whether it was written. */
  virtual bool write(Worker& worker, const RingSeat& own, uint32_t length) = 0;
  /** What a worker does every few steps, one at a time. */
  virtual void look() = 0;

  /** Looks at records that were read from a shard; says how many bytes they took there. */
  uint32_t judge(uint32_t shard, uint32_t bytes, bool once) {
    uint32_t freed = 0;
    for (uint32_t at = 0; at < bytes;) {
      uint64_t meta = 0, who = 0, number = 0;
      memcpy(&meta, &chunk[at], sizeof(meta));
      const auto length = static_cast<uint32_t>(meta & RecordFrame::kLengthMask);
      if (!Message::read(&chunk[at + kReadFrame], length, who, number) || who >= writers.size() ||
          (meta >> RecordFrame::kThreadShift & RecordFrame::kThreadMask) != who + 1) {
        broken++;
      } else {
        uint64_t& before = last[shard * writers.size() + who];
        // A snapshot shows again what the one before has shown.
        if (once && number <= before)
          unordered++;
        if (once)
          before = number;
      }
      found++;
      freed += ring_record_size(&chunk[at]);
      at += kReadFrame + padded_record(length);
    }
    return freed;
  }

  std::string judged() const {
    if (broken != 0)
      return std::to_string(broken) + " records that are not as they were written";
    return unordered == 0 ? "" : std::to_string(unordered) + " records out of order";
  }

  static constexpr size_t kWord = sizeof(uint64_t);
  static constexpr uint32_t kLength = kRingHead + kCapacity / kWord;
  static constexpr uint32_t kScratch = scratch_size(longest_record(kCapacity));

  const uint32_t shards;
  std::vector<uint64_t> memory;
  std::vector<std::array<unsigned char, kScratch>> pads;
  std::vector<Writer> writers;
  std::vector<uint64_t> last; ///< The number of each writer's last record, in each shard.
  std::vector<unsigned char> chunk;
  RingSeat seat = {};
  uint64_t found = 0, broken = 0, unordered = 0;

private:
  std::mutex reading;
};

/** Rings that one thread drains. */
class Drained : public Rings {
public:
  Drained(uint32_t count, const Options& options) : Rings(count, options, Policy::discard) {}

  std::string check(const Counts&) override {
    look();
    uint64_t tried = 0, written = 0, dropped = 0;
    for (const Writer& writer : writers) {
      tried += writer.tried;
      written += writer.written;
    }
    for (uint32_t shard = 0; shard <= shards; shard++)
      dropped += ring_dropped(seat, shard);
    if (!judged().empty())
      return judged();
    const std::string lost = compare("records read", found, written);
    return lost.empty() && counts_drops() ? compare("records dropped", dropped, tried - written) : lost;
  }

protected:
  virtual bool counts_drops() const = 0;

private:
  void look() override {
    if (ring_claim(seat) != Status::ok) {
      broken++;
      return;
    }
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint32_t bytes = 1;
      // Twice round the ring at most: others go on writing.
      for (uint32_t turn = 0; bytes != 0 && turn < 4; turn++) {
        if (ring_read(seat, shard, chunk.data(), static_cast<uint32_t>(chunk.size()), bytes) != Status::ok)
          broken++;
        ring_free(seat, shard, judge(shard, bytes, true));
      }
    }
    ring_release(seat);
  }
};

/** The sections by themselves: what finds no room, or goes to the overflow shard, is not written. */
class BySections : public Drained {
public:
  using Drained::Drained;

private:
  bool write(Worker& worker, const RingSeat& own, uint32_t length) override {
    bool is_full = false;
    const bool done = worker.try_here([&](const Here& here) {
      const Outcome outcome = ring_write_at(own, here, here.index, length);
      is_full = outcome == Outcome::compare_failed;
      return is_full ? Outcome::done : outcome;
    });
    return done && !is_full;
  }
  bool counts_drops() const override { return false; }
};

/** ring_write(). */
class ByLibrary : public Drained {
public:
  using Drained::Drained;

private:
  bool write(Worker& worker, const RingSeat& own, uint32_t length) override {
    worker.prepare();
    return ring_write(own, length) == Status::ok;
  }
  bool counts_drops() const override { return true; }
};

/** A flight recorder of which copies are made all the while. */
class Recorder : public Rings {
public:
  Recorder(uint32_t count, const Options& options) : Rings(count, options, Policy::overwrite) {}

  std::string check(const Counts&) override {
    look();
    for (uint32_t shard = 0; shard <= shards; shard++) {
      // Records out of order, or with a gap, prove that the reader did not walk over whole records.
      uint32_t bytes = 0;
      if (ring_snapshot(seat, shard, chunk.data(), static_cast<uint32_t>(chunk.size()), bytes) != Status::ok)
        return "a recorder that makes no sense";
      judge(shard, bytes, true);
    }
    return judged();
  }

private:
  bool write(Worker& worker, const RingSeat& own, uint32_t length) override {
    return worker.try_here([&](const Here& here) { return ring_write_at(own, here, here.index, length); });
  }

  void look() override {
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint32_t bytes = 0;
      if (ring_snapshot(seat, shard, chunk.data(), static_cast<uint32_t>(chunk.size()), bytes) != Status::ok)
        broken++;
      judge(shard, bytes, false);
    }
  }
};

const Rows rows({
    {"ring", "load_cbne_load_load_cbgt_memcpy_stamp_store, and a reader", make<BySections>, true},
    {"rings", "the library's ring_write(), and a reader", make<ByLibrary>, false},
    {"recorder", "load_cbne_load_memcpy_stamp_store, and copies of what is there", make<Recorder>, true},
});

} // namespace
} // namespace percpu::stress

/**
 * @file
 * The writer of a trace, killed at each of its instructions: all events that were recorded before are there, the last
 * one of each thread too, and the one that the process was recording is there completely or not at all.
 */
#include "../../percpu/ring.h"
#include "../../percpu/trace.h"
#include "path.h"

#include <string_view>

namespace percpu::kill_test {
namespace {

using namespace percpu::trace;

constexpr auto kStep = event("step", Level::info, number<uint32_t>("n"), text("url", 20), number<double>("half"));
constexpr uint32_t kCapacity = 1024;
constexpr uint32_t kEventsHead = 72; ///< The head, and one switch, up to a multiple of 8.
constexpr uint32_t kWord = sizeof(uint64_t);

/** A trace of one event in memory that processes share. Its first two events are there when the path begins. */
template <bool has_filter> class TracePath : public Path {
public:
  TracePath() : Path(spec()) {
    make_events();
    record(0, 2);
    keep();
  }

  void act() override { record(2, 4); }

  const char* judge() override {
    RingSeat seat = {};
    ring_open(region, scratch, sizeof(scratch), seat);
    uint32_t next = 0;
    for (const uint32_t shard : {here(Index::cpu_id).index, region.shards}) {
      uint32_t bytes = 0;
      if (ring_snapshot(seat, shard, found, sizeof(found), bytes) != Status::ok)
        return "the ring cannot be read";
      for (uint32_t at = 0; at < bytes; next++) {
        const uint32_t length = percpu::trace::detail::word_in<uint16_t>(found + at);
        if (!is_event(found + at + kReadFrame, length, next))
          return "an event is not the one that was recorded";
        at += kReadFrame + (length + kWord - 1) / kWord * kWord;
      }
    }
    return next >= 2 && next <= 4 ? nullptr : "an event that was recorded is lost, or there is one more";
  }

private:
  static RegionSpec spec() {
    return {Kind::ring,
            Element::i64,
            Index::cpu_id,
            Writers::sections,
            possible_cpus(),
            kRingHead + kCapacity / kWord,
            Policy::overwrite,
            0,
            0,
            false,
            true};
  }

  /** As formatMemory() of src/trace/events-memory.ts, without a definition, which nobody reads here. */
  void make_events() {
    const uint32_t head[] = {0x45515352, 2, 1, 0};
    memcpy(events, head, sizeof(head));
    unsigned char* const block = events + kEventsHead;
    const uint32_t hashes[] = {kStep.hashes.first, kStep.hashes.second};
    memcpy(block, hashes, sizeof(hashes));
    uint32_t word = 1;
    if (has_filter) {
      word = kBlockBit | 7;
      // One of one, at most 1,000,000 a second, and one term: n >= 0.
      const uint32_t numbers[] = {1, 1000000, 1};
      memcpy(block + 12, numbers, sizeof(numbers));
      block[33] = 5;
      uint32_t hash = word;
      for (uint32_t k = 12; k < kControlBytes; k++)
        hash = percpu::trace::detail::hash_byte(hash, block[k]);
      memcpy(block + 8, &hash, sizeof(hash));
    }
    memcpy(events + 64, &word, sizeof(word));
  }

  /** Records the events from `first` to the one before `end`, as a process that has just opened the trace. */
  void record(uint32_t first, uint32_t end) {
    Trace trace;
    unsigned char* const memory = region.first_shard - region.header_distance;
    trace.open(memory, static_cast<size_t>(region_size(spec())), events, sizeof(events), 0);
    auto step = trace.recorder(kStep);
    for (uint32_t n = first; n < end; n++)
      step(n, n % 2 == 0 ? "/even" : "/odd", n / 2.0);
  }

  /** Whether bytes are the record of event `n`. */
  static bool is_event(const unsigned char* bytes, uint32_t length, uint32_t n) {
    using namespace percpu::trace::detail;
    const std::string_view url = n % 2 == 0 ? "/even" : "/odd";
    return length == 8 + 4 + 2 + url.size() + 8 && word_in<uint32_t>(bytes) == 0 && word_in<uint32_t>(bytes + 8) == n &&
           word_in<uint16_t>(bytes + 12) == url.size() && memcmp(bytes + 14, url.data(), url.size()) == 0 &&
           word_in<double>(bytes + 14 + url.size()) == n / 2.0;
  }

  alignas(8) unsigned char events[kEventsHead + kControlBytes + 4 * kRateWords] = {};
  alignas(8) unsigned char scratch[scratch_size(longest_record(kCapacity))] = {};
  alignas(8) unsigned char found[2 * kCapacity] = {};
};

const PathRows rows({
    {"trace", make_path<TracePath<false>>},
    {"trace with a filter", make_path<TracePath<true>>},
});

} // namespace
} // namespace percpu::kill_test

// Shards that a dead process had stopped: another one takes them over, works on them as their owner, and resumes them.
#include "../../percpu/array.h"
#include "../../percpu/counter.h"
#include "../../percpu/remote.h"
#include "../../percpu/ring.h"
#include "../../percpu/stack.h"
#include "path.h"

#include <algorithm>

namespace percpu::kill_test {
namespace {

using Numbers = std::vector<int64_t>;

RegionSpec spec_of(Kind kind, Element element, uint32_t length, Policy policy = Policy::none) {
  return {kind, element, Index::cpu_id, Writers::sections, possible_cpus(), length, policy, 0, 0, false, true};
}

uint32_t this_cpu() {
  return here(Index::cpu_id).index;
}

/** Whether the numbers are what they are between two operations. */
const char* judge_one_of(const Numbers& found, const std::vector<Numbers>& allowed) {
  return std::find(allowed.begin(), allowed.end(), found) != allowed.end() ? nullptr
                                                                           : "the contents are between two operations";
}

class StackPath : public Path {
public:
  StackPath() : Path(spec_of(Kind::stack, Element::f64, kStackHead + 8)) {
    for (const double value : {1, 2, 3})
      stack_push(region, value);
    test::Child dead([&] { return static_cast<uint64_t>(stack_stop(region, this_cpu())); });
    dead.end();
    keep();
  }

  void act() override {
    const Region own = opened();
    const uint32_t cpu = this_cpu();
    double value = 0;
    uint32_t count = 1;
    stack_stop(own, cpu);
    stack_pop_owned(own, cpu, &value, count);
    value = 4;
    stack_push_owned(own, cpu, &value, count);
    stack_resume(own, cpu);
    stack_push(own, 5);
    stack_pop(own, value);
    stack_pop(own, value);
  }

  const char* judge() override {
    const uint32_t cpu = this_cpu();
    if (stack_stop(region, cpu) != Status::ok)
      return "the shard cannot be taken over";
    double values[8] = {};
    uint32_t count = 8;
    const Status status = stack_pop_owned(region, cpu, values, count);
    if (stack_resume(region, cpu) != Status::ok || status != Status::ok)
      return "the shard cannot be emptied";
    Numbers found(values, values + count);
    // What found the shard stopped is in the overflow shard.
    for (double value = 0; stack_pop(region, value) == Status::ok;)
      found.push_back(static_cast<int64_t>(value));
    std::sort(found.begin(), found.end());
    return judge_one_of(found, {{1, 2, 3}, {1, 2}, {1, 2, 4}, {1, 2, 4, 5}});
  }
};

class ArrayPath : public Path {
public:
  ArrayPath() : Path(spec_of(Kind::array, Element::i64, kArrayHead + 1)) {
    ActAnswer answer = {};
    array_act(region, 0, {Act::add, 10, 0}, answer);
    test::Child dead([&] { return static_cast<uint64_t>(array_stop(region, this_cpu())); });
    dead.end();
    keep();
  }

  void act() override {
    const Region own = opened();
    const uint32_t cpu = this_cpu();
    int64_t before = 0;
    array_stop(own, cpu);
    array_act_on(own, cpu, 0, {Act::add, 20, 0}, before);
    array_resume(own, cpu);
    ActAnswer answer = {};
    array_act(own, 0, {Act::add, 40, 0}, answer);
  }

  const char* judge() override {
    const uint32_t cpu = this_cpu();
    if (array_stop(region, cpu) != Status::ok || array_resume(region, cpu) != Status::ok)
      return "the shard cannot be taken over";
    int64_t sum = 0;
    for (uint32_t shard = 0; shard <= region.shards; shard++) {
      int64_t word = 0;
      if (array_get(region, shard, 0, word) != Status::ok)
        return "a word cannot be read";
      sum += word;
    }
    return judge_one_of({sum}, {{10}, {30}, {70}});
  }
};

/** A counter of doubles, whose setter empties the shards of all CPUs. */
class DoublesPath : public Path {
public:
  DoublesPath() : Path(spec_of(Kind::counters, Element::f64, 1)) {
    counter_add(region, 0, 10.0);
    const auto stop = [&] { return stop_shard(region, kEveryShard, reinterpret_cast<uint64_t*>(region.stop)); };
    test::Child dead([&] { return static_cast<uint64_t>(stop()); });
    dead.end();
    keep();
  }

  void act() override {
    const Region own = opened();
    double held = 0;
    counter_add(own, 0, 3.0);
    counter_set(own, 0, 100.0, held);
    counter_add(own, 0, 4.0);
  }

  const char* judge() override {
    double sum = 0;
    if (counter_sum(region, 0, sum) != Status::ok)
      return "the counter cannot be read";
    double held = 0;
    double later = 0;
    if (counter_add(region, 0, 1000.0) != Status::ok || counter_sum(region, 0, later) != Status::ok ||
        later != sum + 1000 || counter_set(region, 0, 0.0, held) != Status::ok || held != later)
      return "the counter cannot be used";
    return judge_one_of({static_cast<int64_t>(sum)}, {{10}, {13}, {100}, {104}});
  }
};

/** A ring whose reader died while it had records. */
class RingPath : public Path {
public:
  RingPath()
      : Path(spec_of(Kind::ring, Element::i64, kRingHead + kLeastRing / static_cast<uint32_t>(sizeof(uint64_t)),
                     Policy::discard)) {
    RingSeat seat = seat_in(region);
    for (const int64_t value : {1, 2, 3})
      write(seat, value);
    test::Child dead([&] { return static_cast<uint64_t>(ring_claim(seat_in(region))); });
    dead.end();
    keep();
  }

  void act() override {
    const Region own = opened();
    RingSeat seat = seat_in(own);
    ring_claim(seat);
    take(seat, this_cpu());
    ring_release(seat);
    write(seat, 4);
  }

  const char* judge() override {
    const RingSeat seat = seat_in(region);
    if (ring_claim(seat) != Status::ok)
      return "the reader cannot be followed";
    Numbers found;
    for (const uint32_t shard : {this_cpu(), region.shards})
      for (int64_t value = take(seat, shard); value != 0; value = take(seat, shard))
        found.push_back(value);
    return ring_release(seat) == Status::ok ? judge_one_of(found, {{1, 2, 3}, {2, 3}, {2, 3, 4}})
                                            : "the ring cannot be released";
  }

private:
  RingSeat seat_in(const Region& in) {
    RingSeat seat = {};
    ring_open(in, scratch, sizeof(scratch), seat);
    return seat;
  }

  static void write(RingSeat& seat, int64_t value) {
    memcpy(seat.scratch, &value, sizeof(value));
    ring_write(seat, sizeof(value));
  }

  /** Reads a record and gives its room back; 0 if there is none. */
  static int64_t take(const RingSeat& seat, uint32_t shard) {
    alignas(8) unsigned char into[kReadFrame + longest_record(kLeastRing) + 64] = {};
    uint32_t bytes = 0;
    if (ring_read(seat, shard, into, kReadFrame + seat.longest, bytes) != Status::ok || bytes == 0)
      return 0;
    int64_t value = 0;
    memcpy(&value, into + kReadFrame, sizeof(value));
    ring_free(seat, shard, ring_record_size(into));
    return value;
  }

  alignas(8) unsigned char scratch[scratch_size(longest_record(kLeastRing))] = {};
};

const PathRows rows({
    {"stack", make_path<StackPath>},
    {"array", make_path<ArrayPath>},
    {"counter of doubles", make_path<DoublesPath>},
    {"ring", make_path<RingPath>},
});

} // namespace
} // namespace percpu::kill_test

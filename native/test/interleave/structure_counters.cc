// The library's counters (native/percpu/counter.h), whole numbers and doubles, in a region.
#include "../../percpu/counter.h"
#include "operations.h"

#include <cstring>
#include <type_traits>

namespace percpu::interleave {
namespace {

constexpr uint32_t kCounters = 3;
constexpr uint32_t kCounter = 1; ///< The counter that the operations change.

/** The region in the memory of the case, opened by set_up(). */
Region region;

size_t size(uint32_t shards) {
  return region_size(shards, kCounters);
}

template <typename Number> Number& word(uint32_t shard) {
  return *word_at<Number>(region, shard, kCounter);
}

template <typename Number> void set_up(const Memory& memory, Index index, uint32_t) {
  constexpr Element element = std::is_same_v<Number, double> ? Element::f64 : Element::i64;
  const RegionSpec spec = {Kind::counters, element, index, Writers::sections, memory.shards, kCounters};
  format_region(memory.bytes, memory.size, spec);
  open_region(memory.bytes, memory.size, Kind::counters, region);
  for (uint32_t i = 0; i <= memory.shards; i++)
    word<Number>(i) = 5;
}

const Structure whole = {"counter_i64", size, 1, set_up<int64_t>, nullptr};
/** How many counters were set, and to what, is not part of the contents. */
void tidy(const Memory& memory) {
  for (uint32_t i = 1; i < kSetWords; i++)
    *word_at<int64_t>(region, memory.shards, kCounters + i) = 0;
}

const Structure floating = {"counter_f64", size, 1, set_up<double>, tidy};

template <typename Number> Answer answer_of(Number number) {
  Answer answer;
  memcpy(&answer, &number, sizeof(answer));
  return answer;
}

template <typename Number> Number delta(const Call& call) {
  return Number{3} * static_cast<Number>(call.role + 1);
}

template <typename Number> Answer add(const Call& call) {
  return static_cast<Answer>(counter_add(region, kCounter, delta<Number>(call)));
}

/** A batch of one: a longer one may be moved between two additions, which no sequence of A and B explains. */
Answer add_many(const Call& call) {
  const BatchEntry entry = {kCounter, delta<int32_t>(call)};
  const double wide = 0;
  return static_cast<Answer>(counter_add_many(region, &entry, &wide, 1));
}

template <typename Number> Answer add_model(const Call& call, uint32_t shard) {
  word<Number>(shard) += delta<Number>(call);
  return static_cast<Answer>(Status::ok);
}

template <typename Number> Answer sum_model(const Call& call, uint32_t) {
  Number sum = 0;
  for (uint32_t i = 0; i <= call.memory.shards; i++)
    sum += word<Number>(i);
  return answer_of(sum);
}

/** The shards of doubles are emptied, those of whole numbers left alone. */
Answer reset_f64_model(const Call& call, uint32_t) {
  double held = 0;
  for (uint32_t i = 0; i <= call.memory.shards; i++) {
    held += word<double>(i);
    word<double>(i) = 0;
  }
  return answer_of(held);
}

template <typename Number> Answer reset_model(const Call& call, uint32_t) {
  Number shards = 0;
  for (uint32_t i = 0; i < call.memory.shards; i++)
    shards += word<Number>(i);
  Number& overflow = word<Number>(call.memory.shards);
  const Number held = shards + overflow;
  overflow = -shards;
  return answer_of(held);
}

Answer sum_i64(const Call&) {
  return answer_of(counter_sum_i64(region, kCounter));
}

Answer sum_f64(const Call&) {
  return answer_of(counter_sum_f64(region, kCounter));
}

Answer reset_i64(const Call&) {
  int64_t held = 0;
  return counter_reset_i64(region, kCounter, held) == Status::ok ? answer_of(held) : kBusy;
}

Answer reset_f64(const Call&) {
  double held = 0;
  return counter_reset_f64(region, kCounter, held) == Status::ok ? answer_of(held) : kBusy;
}

/** counter_add() tries once in line, then kAttempts times. */
constexpr uint32_t kAddAttempts = 1 + kAttempts;

const Rows rows({
    {"add", &whole, add<int64_t>, add_model<int64_t>, kAddAttempts, false, false},
    {"add_many", &whole, add_many, add_model<int64_t>, 2 + kAddAttempts, false, false},
    {"reset", &whole, reset_i64, reset_model<int64_t>, 0, false, false},
    {"sum", &whole, sum_i64, sum_model<int64_t>, 0, false, false},
    {"add", &floating, add<double>, add_model<double>, kAddAttempts, false, false},
    {"reset", &floating, reset_f64, reset_f64_model, 0, false, false},
    {"sum", &floating, sum_f64, sum_model<double>, 0, false, false},
});

} // namespace
} // namespace percpu::interleave

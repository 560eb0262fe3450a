// An array of words: its sections by themselves for each element, and the library's (native/percpu/array.h, opv.h) in
// a region, with its owners' operations.
#include "../../percpu/opv.h"
#include "retry.h"

namespace percpu::interleave {
namespace {

constexpr uint32_t kLength = 2;
constexpr int64_t kStart = 5;

/** The region in the memory of the case, opened by set_up(). */
Region region;

size_t size(uint32_t shards) {
  return region_size(shards, kArrayHead + kLength);
}

int64_t number(int64_t value) {
  return region.element == Element::f64 ? word_of_double(static_cast<double>(value)) : value;
}

int64_t& word(uint32_t shard, uint32_t i) {
  return *word_at<int64_t>(region, shard, kArrayHead + i);
}

/** Words that equal the expected value in state 0, and differ from it in state 1. */
template <Element element> void set_up(const Memory& memory, Index index, uint32_t state) {
  const RegionSpec spec = {Kind::array, element, index, Writers::sections, memory.shards, kArrayHead + kLength};
  format_region(memory.bytes, memory.size, spec);
  open_region(memory.bytes, memory.size, Kind::array, region);
  for (uint32_t shard = 0; shard <= memory.shards; shard++)
    for (uint32_t i = 0; i < kLength; i++)
      word(shard, i) = number(kStart + int64_t{2} * state + i);
}

constexpr uint32_t kStates = 2;
const Structure whole = {"words_i64", size, kStates, set_up<Element::i64>, nullptr};
const Structure narrow = {"words_i32", size, kStates, set_up<Element::i32>, nullptr};
const Structure doubles = {"words_f64", size, kStates, set_up<Element::f64>, nullptr};
const Structure array = {"array", size, kStates, set_up<Element::i64>, nullptr};

template <Act act> WordAct act_of(const Call& call) {
  return {act, number(20 + call.role), number(kStart)};
}

template <Act act> Answer model(const Call& call, uint32_t shard) {
  const int64_t before = word(shard, 0);
  word(shard, 0) = acted(region.element, before, act_of<act>(call));
  return before;
}

template <Act act> Answer by_section(const Call& call) {
  return retry(call, model<act>, [&](const Here& here, Answer& answer) {
    int64_t aside = 0;
    int64_t* stop = word_at<int64_t>(region, here.index, 0);
    const TakenWord taken = array_section(region.element, here, &word(here.index, 0), stop, act_of<act>(call), &aside);
    answer = taken.word;
    return taken.outcome;
  });
}

template <Act act> Answer by_library(const Call& call) {
  ActAnswer answer = {};
  return array_act(region, 0, act_of<act>(call), answer) == Status::ok ? answer.before : kBusy;
}

/** An addition by the owner of this CPU's words. */
Answer add_as_owner(const Call& call) {
  const uint32_t shard = here(call.index).index;
  if (array_stop(region, shard) != Status::ok)
    return kBusy;
  int64_t before = 0;
  const Status status = array_act_on(region, shard, 0, act_of<Act::add>(call), before);
  return array_resume(region, shard) == Status::ok && status == Status::ok ? before : kBusy;
}

/** Swaps the words if the first word is the expected one. */
Answer swap_model(const Call&, uint32_t shard) {
  if (word(shard, 0) != kStart)
    return 0;
  std::swap(word(shard, 0), word(shard, 1));
  return 1;
}

Answer swap_by_vector(const Call& call) {
  const auto kind = [](OpvKind of) { return static_cast<uint32_t>(of); };
  const OpvOperation vector[] = {{kind(OpvKind::compare_equal), 0, 0, 0, kStart},
                                 {kind(OpvKind::copy), 0, 1, 0, 0},
                                 {kind(OpvKind::barrier), 0, 0, 0, 0},
                                 {kind(OpvKind::store), 1, 0, 0, kStart}};
  uint32_t position = 0;
  if (cpu_opv(region, here(call.index).index, vector, 4, position) != Status::ok)
    return kBusy;
  return position == kOpvDone ? 1 : 0;
}

constexpr uint32_t kTries = interleave::kAttempts;

const Rows rows({
    {"add", &whole, by_section<Act::add>, model<Act::add>, kTries, false, true},
    {"exchange", &whole, by_section<Act::exchange>, model<Act::exchange>, kTries, false, true},
    {"compare_exchange", &whole, by_section<Act::compare_exchange>, model<Act::compare_exchange>, kTries, false, true},
    {"load", &whole, by_section<Act::load>, model<Act::load>, kTries, false, true},
    {"add", &narrow, by_section<Act::add>, model<Act::add>, kTries, false, true},
    {"exchange", &narrow, by_section<Act::exchange>, model<Act::exchange>, kTries, false, true},
    {"add", &doubles, by_section<Act::add>, model<Act::add>, kTries, false, true},
    {"exchange", &doubles, by_section<Act::exchange>, model<Act::exchange>, kTries, false, true},
    {"add", &array, by_library<Act::add>, model<Act::add>, kTries, false, false,
     "rseq_load_cbne_load_add_store_cpu_id"},
    {"compare_exchange", &array, by_library<Act::compare_exchange>, model<Act::compare_exchange>, kTries, false, false,
     "rseq_load_cbne_load_cbne_store_taken_cpu_id"},
    {"add_as_owner", &array, add_as_owner, model<Act::add>, 0, false, false},
    {"swap", &array, swap_by_vector, swap_model, 0, false, false},
});

} // namespace
} // namespace percpu::interleave

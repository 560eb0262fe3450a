// A stack: its sections by themselves, and the library's (native/percpu/stack.h) in a region, with its owners'
// operations.
#include "../../percpu/stack.h"
#include "retry.h"

#include <cstring>

namespace percpu::interleave {
namespace {

constexpr uint32_t kCapacity = 2;

/** The region in the memory of the case, opened by set_up(). */
Region region;

size_t size(uint32_t shards) {
  return region_size(shards, kStackHead + kCapacity);
}

int64_t* words(uint32_t shard) {
  return word_at<int64_t>(region, shard, 0);
}

int64_t bits_of(double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/** Stacks of as many values as the state says; one more overflowed. */
void set_up(const Memory& memory, Index index, uint32_t state) {
  const RegionSpec spec = {Kind::stack, Element::f64, index, Writers::sections, memory.shards, kStackHead + kCapacity};
  format_region(memory.bytes, memory.size, spec);
  open_region(memory.bytes, memory.size, Kind::stack, region);
  for (uint32_t i = 0; i <= memory.shards; i++) {
    const uint32_t count = i < memory.shards ? state : 1;
    words(i)[0] = count;
    for (uint32_t n = 0; n < count; n++)
      words(i)[kStackHead + n] = bits_of(50 + n + (i < memory.shards ? 0 : 10));
  }
}

/** What stands above the count is not part of the contents. */
void tidy(const Memory& memory) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    for (int64_t n = words(i)[0]; n >= 0 && n < kCapacity; n++)
      words(i)[kStackHead + n] = 0;
}

const Structure sections = {"stack_sections", size, kCapacity + 1, set_up, tidy};
const Structure stack = {"stack", size, kCapacity + 1, set_up, tidy};

double value_of(const Call& call) {
  return 10 + call.role;
}

Answer push_model(const Call& call, uint32_t shard) {
  int64_t* it = words(shard);
  if (it[0] == kCapacity)
    return kFull;
  it[kStackHead + it[0]++] = bits_of(value_of(call));
  return 0;
}

Answer pop_model(const Call&, uint32_t shard) {
  int64_t* it = words(shard);
  return it[0] == 0 ? kEmpty : it[kStackHead + --it[0]];
}

/** If the comparison failed because the count was at its limit, that is an answer. Any other reason no longer exists.
 */
Outcome settle(Outcome outcome, bool at_limit, Answer limit, Answer& answer) {
  if (outcome != Outcome::compare_failed || !at_limit)
    return outcome;
  answer = limit;
  return Outcome::done;
}

Answer push_by_section(const Call& call) {
  return retry(call, push_model, [&](const Here& here, Answer& answer) {
    int64_t* it = words(here.index);
    const Outcome outcome = load_cbne_load_cbge_store_add_store(here, it, kCapacity, value_of(call));
    return settle(outcome, read(it[0]) == kCapacity, kFull, answer);
  });
}

Answer pop_by_section(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    int64_t* it = words(here.index);
    const Taken taken = load_cbne_load_add_cbge_load_store(here, it, kCapacity);
    answer = bits_of(taken.value);
    return settle(taken.outcome, read(it[0]) == 0, kEmpty, answer);
  });
}

/** The note of the popped value is in the caller's memory: no other role looks at it. */
Answer pop_noted_by_section(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    int64_t* it = words(here.index);
    const int64_t count = read(it[0]);
    answer = count == 0 ? kEmpty : read(it[kStackHead + count - 1]);
    if (count == 0)
      return Outcome::done;
    uint32_t note = 0;
    const Outcome outcome = load_cbne_load_cbne_load_cbne_store_add_store(here, it, count, it + kStackHead + count - 1,
                                                                          answer, &note, 1 + call.role);
    return outcome == Outcome::done && note != 1 + call.role ? Outcome::inconsistent : outcome;
  });
}

/** What a pool does (native/percpu/pool.h): as many values as there is room for, at once. Answers how many. */
Answer fill_model(const Call& call, uint32_t shard) {
  int64_t* it = words(shard);
  const int64_t before = it[0];
  while (it[0] < kCapacity)
    it[kStackHead + it[0]++] = bits_of(value_of(call));
  return it[0] - before;
}

/** Pops all values at once. Answers the exclusive or of all of them. */
Answer drain_model(const Call&, uint32_t shard) {
  int64_t* it = words(shard);
  Answer all = 0;
  while (it[0] > 0)
    all ^= it[kStackHead + --it[0]];
  return all;
}

Answer fill_by_section(const Call& call) {
  return retry(call, fill_model, [&](const Here& here, Answer& answer) {
    int64_t* it = words(here.index);
    const int64_t count = read(it[0]);
    const auto room = static_cast<size_t>(kCapacity - count);
    const int64_t values[kCapacity] = {bits_of(value_of(call)), bits_of(value_of(call))};
    answer = kCapacity - count;
    return load_cbne_memcpy_store(here, Order::relaxed, it, count, it + kStackHead + count, values,
                                  room * sizeof(int64_t), kCapacity);
  });
}

Answer drain_by_section(const Call& call) {
  return retry(call, drain_model, [&](const Here& here, Answer& answer) {
    int64_t* it = words(here.index);
    const int64_t count = read(it[0]);
    int64_t values[kCapacity] = {};
    const Outcome outcome = load_cbne_memcpy_store(here, Order::relaxed, it, count, values, it + kStackHead,
                                                   static_cast<size_t>(count) * sizeof(int64_t), 0);
    answer = 0;
    for (const int64_t value : values)
      answer ^= value;
    return outcome;
  });
}

Answer push(const Call& call) {
  const Status status = stack_push(region, value_of(call));
  return status == Status::full ? kFull : static_cast<Answer>(status);
}

Answer pop(const Call&) {
  double value = 0;
  return stack_pop(region, value) == Status::ok ? bits_of(value) : kEmpty;
}

/** The library's pop looks into the overflow shard, too. */
Answer pop_anywhere_model(const Call& call, uint32_t shard) {
  const Answer answer = pop_model(call, shard);
  return answer == kEmpty ? pop_model(call, call.memory.shards) : answer;
}

/** Runs `act(shard)` as the owner of this CPU's stack. */
template <typename Act> Answer as_owner(const Call& call, Act act) {
  const uint32_t shard = here(call.index).index;
  if (stack_stop(region, shard) != Status::ok)
    return kBusy;
  const Answer answer = act(shard);
  return stack_resume(region, shard) == Status::ok ? answer : kBusy;
}

Answer push_owned(const Call& call) {
  return as_owner(call, [&](uint32_t shard) -> Answer {
    const double value = value_of(call);
    uint32_t count = 1;
    return stack_push_owned(region, shard, &value, count) == Status::ok && count == 1 ? 0 : kFull;
  });
}

Answer pop_owned(const Call& call) {
  return as_owner(call, [](uint32_t shard) {
    double value = 0;
    uint32_t count = 1;
    return stack_pop_owned(region, shard, &value, count) == Status::ok && count == 1 ? bits_of(value) : kEmpty;
  });
}

const Rows rows({
    {"push", &sections, push_by_section, push_model, interleave::kAttempts, false, true},
    {"pop", &sections, pop_by_section, pop_model, interleave::kAttempts, false, true},
    {"pop_noted", &sections, pop_noted_by_section, pop_model, interleave::kAttempts, false, true},
    {"fill", &sections, fill_by_section, fill_model, interleave::kAttempts, false, true},
    {"drain", &sections, drain_by_section, drain_model, interleave::kAttempts, false, true},
    {"push", &stack, push, push_model, interleave::kAttempts, false, false,
     "rseq_load_cbne_load_cbge_store_add_store_cpu_id"},
    {"pop", &stack, pop, pop_anywhere_model, interleave::kAttempts, false, false,
     "rseq_load_cbne_load_add_cbge_load_store_cpu_id"},
    {"push_owned", &stack, push_owned, push_model, 0, false, false},
    {"pop_owned", &stack, pop_owned, pop_model, 0, false, false},
});

} // namespace
} // namespace percpu::interleave

#include "array.h"

#include "counter.h"
#include "extents.h"
#include "remote.h"

namespace percpu {
namespace {

int64_t* word_of(const Region& region, uint32_t shard, uint32_t i) noexcept {
  return word_at<int64_t>(region, shard, kArrayHead + i);
}

/** Applies `act` to a word of a shard that the calling thread owns. Other threads may read the word. */
int64_t act_alone(const Region& region, int64_t* word, const WordAct& act) noexcept {
  const int64_t before = __atomic_load_n(word, __ATOMIC_RELAXED);
  if (act.act != Act::load)
    __atomic_store_n(word, acted(region.element, before, act), __ATOMIC_RELEASE);
  return before;
}

/** Tries `act` on this CPU's shard. False if the caller must use the overflow shard. */
bool try_act(const Region& region, uint32_t i, const WordAct& act, ActAnswer& answer) noexcept {
  int64_t aside = 0;
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (!has_section(region, place.index))
      return false;
    int64_t* stop = word_at<int64_t>(region, place.index, 0);
    const TakenWord taken = array_section(region.element, place, word_of(region, place.index, i), stop, act, &aside);
    if (taken.outcome == Outcome::done) {
      answer = {place.index, taken.word};
      return true;
    }
    if (taken.outcome == Outcome::compare_failed &&
        !resume_abandoned(region, place.index, array_stop_word(region, place.index)))
      return false;
  }
  return false;
}

} // namespace

int64_t acted(Element element, int64_t word, const WordAct& act) noexcept {
  switch (act.act) {
  case Act::load:
    return word;
  case Act::exchange:
    return act.operand;
  case Act::compare_exchange:
    return word == act.expected ? act.operand : word;
  case Act::add:
    break;
  }
  if (element == Element::f64)
    return word_of_double(double_of_word(word) + double_of_word(act.operand));
  const auto sum = static_cast<int64_t>(static_cast<uint64_t>(word) + static_cast<uint64_t>(act.operand));
  return element == Element::i32 ? static_cast<int32_t>(sum) : sum;
}

Status detail::array_act_slow(const Region& region, uint32_t i, const WordAct& act, ActAnswer& answer) noexcept {
  if (i >= array_length(region))
    return Status::out_of_range;
  if (!try_act(region, i, act, answer)) {
    answer.shard = shard_without_section(region);
    const Status status = as_owner(region, answer.shard, array_stop_word(region, answer.shard), [&] {
      answer.before = act_alone(region, word_of(region, answer.shard, i), act);
      return Status::ok;
    });
    if (status != Status::ok)
      return status;
  }
  return soundness(region, answer.before);
}

Status array_act_on(const Region& region, uint32_t shard, uint32_t i, const WordAct& act, int64_t& before) noexcept {
  if (shard > region.shards || i >= array_length(region))
    return Status::out_of_range;
  if (see_shard(region, shard) != Status::ok)
    return Status::not_owner;
  if (!owns_shard(region, array_stop_word(region, shard)))
    return Status::not_owner;
  before = act_alone(region, word_of(region, shard, i), act);
  return soundness(region, before);
}

Status array_get(const Region& region, uint32_t shard, uint32_t i, int64_t& word) noexcept {
  if (shard > region.shards || i >= array_length(region))
    return Status::out_of_range;
  word = 0; // What a shard has that is not allocated.
  const Status present = see_shard(region, shard);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  word = __atomic_load_n(word_of(region, shard, i), __ATOMIC_ACQUIRE);
  return soundness(region, word);
}

Status array_stop(const Region& region, uint32_t shard) noexcept {
  if (shard > region.shards)
    return Status::out_of_range;
  const Status reached = reach_shard(region, shard);
  return reached == Status::ok ? stop_shard(region, shard, array_stop_word(region, shard)) : reached;
}

Status array_resume(const Region& region, uint32_t shard) noexcept {
  if (shard > region.shards)
    return Status::out_of_range;
  return see_shard(region, shard) == Status::ok ? resume_shard(region, shard, array_stop_word(region, shard))
                                                : Status::not_owner;
}

} // namespace percpu

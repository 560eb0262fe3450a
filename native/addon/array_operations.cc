#include "array_operations.h"

namespace percpu {
namespace addon {
namespace {

constexpr double kRefused = __builtin_nan("");
constexpr uint32_t kActs = static_cast<uint32_t>(Act::compare_exchange) + 1;

/** Converts the operands of an act to words. bad_value if the element type cannot hold one. */
Status read_act(Element element, uint32_t act, double operand, double expected, WordAct& into) noexcept {
  into = {static_cast<Act>(act), 0, 0};
  if (act >= kActs || (into.act != Act::load && !to_word(element, operand, into.operand)) ||
      (into.act == Act::compare_exchange && !to_word(element, expected, into.expected)))
    return Status::bad_value;
  return Status::ok;
}

/** Runs an act with `how`, notes its shard or its error, and returns the old value. */
template <typename How> double run(uint32_t handle, uint32_t act, double operand, double expected, How how) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  if (seat == nullptr)
    return kRefused;
  const Region& region = seat->region;
  WordAct wanted;
  ActAnswer answer = {};
  Status status = read_act(region.element, act, operand, expected, wanted);
  if (status == Status::ok)
    status = how(region, wanted, answer);
  if (status != Status::ok) {
    seat->notes->shard = -static_cast<int32_t>(status);
    return kRefused;
  }
  seat->notes->shard = answer.shard == region.shards ? kInOverflow : static_cast<int32_t>(answer.shard);
  return from_word(region.element, answer.before);
}

} // namespace

double array_act(uint32_t handle, uint32_t act, uint32_t i, double operand, double expected) noexcept {
  return run(handle, act, operand, expected, [i](const Region& region, const WordAct& wanted, ActAnswer& answer) {
    return percpu::array_act(region, i, wanted, answer);
  });
}

double array_act_on(uint32_t handle, uint32_t shard, uint32_t act, uint32_t i, double operand,
                    double expected) noexcept {
  return run(handle, act, operand, expected, [=](const Region& region, const WordAct& wanted, ActAnswer& answer) {
    answer.shard = shard;
    return percpu::array_act_on(region, shard, i, wanted, answer.before);
  });
}

double array_act_otherwise(uint32_t handle, Act act, uint32_t i, double operand, double expected) noexcept {
  return array_act(handle, static_cast<uint32_t>(act), i, operand, expected);
}

double array_try_add_int32_otherwise(uint32_t handle, uint32_t i, int32_t delta) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  if (seat != nullptr && seat->region.element == Element::i32 && find_place(seat, i, place))
    return array_add_i32_directly(place, delta);
  return array_try_add(handle, i, delta);
}

double array_try_double(const ArraySeat* seat, uint32_t index, uint32_t i, Act act, double operand,
                        double expected) noexcept {
  const Region& region = seat->region;
  const WordAct wanted = {act, word_of_double(operand), word_of_double(expected)};
  const WordPlace place = word_place(region, libc_here().area, index, i);
  const TakenWord taken = array_section(Element::f64, {place.area, place.index, Index::cpu_id}, place.word, place.stop,
                                        wanted, &seat->notes->aside);
  if (__builtin_expect(taken.outcome == Outcome::done, true))
    return double_of_word(taken.word);
  seat->notes->shard = kNotDone;
  return kRefused;
}

} // namespace addon
} // namespace percpu

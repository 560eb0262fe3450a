#include "opv.h"

#include "extents.h"
#include "remote.h"

namespace percpu {
namespace {

/** A result to store, or a barrier. */
struct Result {
  bool is_barrier;
  uint32_t i;
  int64_t word;
};

/** The evaluation of one vector. */
class Vector {
public:
  Vector(const Region& on, uint32_t of) noexcept : region(on), shard(of) {}

  /** Evaluates one operation. If it returns false, the vector ends: `status` is the error, or ok if a comparison
   * failed. */
  bool evaluate(const OpvOperation& operation, Status& status) noexcept {
    status = Status::ok;
    const auto kind = static_cast<OpvKind>(operation.kind);
    if (kind == OpvKind::barrier) {
      results[count++] = {true, 0, 0};
      return true;
    }
    const int64_t word = read(kind == OpvKind::copy ? operation.from : operation.i, status);
    switch (kind) {
    case OpvKind::compare_equal:
      return status == Status::ok && word == operation.value;
    case OpvKind::compare_not_equal:
      return status == Status::ok && word != operation.value;
    case OpvKind::copy:
      return write(operation.i, word, status);
    default:
      return write(operation.i, changed(word, operation), status);
    }
  }

  void store() const noexcept {
    for (uint32_t k = 0; k < count; k++) {
      if (results[k].is_barrier)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
      else
        __atomic_store_n(address(results[k].i), results[k].word, __ATOMIC_RELEASE);
    }
  }

private:
  int64_t* address(uint32_t i) const noexcept { return word_at<int64_t>(region, shard, kArrayHead + i); }

  /** The value of a word after the operations that were evaluated so far. */
  int64_t read(uint32_t i, Status& status) const noexcept {
    for (uint32_t k = count; k-- != 0;)
      if (!results[k].is_barrier && results[k].i == i)
        return results[k].word;
    const int64_t word = __atomic_load_n(address(i), __ATOMIC_RELAXED);
    if (!is_sound(region.element, word))
      status = Status::corrupt;
    return word;
  }

  bool write(uint32_t i, int64_t word, Status status) noexcept {
    if (status != Status::ok)
      return false;
    results[count++] = {false, i, word};
    return true;
  }

  int64_t changed(int64_t word, const OpvOperation& operation) const noexcept {
    const auto bits = static_cast<uint64_t>(word);
    const auto value = static_cast<uint64_t>(operation.value);
    uint64_t result = 0;
    switch (static_cast<OpvKind>(operation.kind)) {
    case OpvKind::store:
      result = value;
      break;
    case OpvKind::bit_or:
      result = bits | value;
      break;
    case OpvKind::bit_and:
      result = bits & value;
      break;
    case OpvKind::bit_xor:
      result = bits ^ value;
      break;
    case OpvKind::shift_left:
      result = bits << value;
      break;
    case OpvKind::shift_right:
      result = (region.element == Element::i32 ? static_cast<uint32_t>(bits) : bits) >> value;
      break;
    default:
      return acted(region.element, word, {Act::add, operation.value, 0});
    }
    return region.element == Element::i32 ? static_cast<int32_t>(result) : static_cast<int64_t>(result);
  }

  const Region& region;
  const uint32_t shard;
  uint32_t count = 0;
  Result results[kOpvMost];
};

/** Copies an operation and reads each field once, so that no other thread can change it after the check. */
OpvOperation read_operation(const OpvOperation* from) noexcept {
  return {read_once(&from->kind), read_once(&from->i), read_once(&from->from), 0, read_once(&from->value)};
}

/** Checks that the kind of an operation and its words exist. */
Status check(const Region& region, const OpvOperation& operation) noexcept {
  const auto kind = static_cast<OpvKind>(operation.kind);
  if (operation.kind >= kOpvKinds)
    return Status::bad_value;
  if (kind == OpvKind::barrier)
    return Status::ok;
  if (operation.i >= array_length(region) || (kind == OpvKind::copy && operation.from >= array_length(region)))
    return Status::out_of_range;
  const bool for_whole_numbers = operation.kind >= static_cast<uint32_t>(OpvKind::bit_or);
  if (for_whole_numbers && region.element == Element::f64)
    return Status::bad_value;
  const bool shifts = kind == OpvKind::shift_left || kind == OpvKind::shift_right;
  const uint64_t width = region.element == Element::i32 ? 32 : 64;
  return shifts && static_cast<uint64_t>(operation.value) >= width ? Status::bad_value : Status::ok;
}

} // namespace

Status cpu_opv(const Region& region, uint32_t shard, const OpvOperation* operations, uint32_t count,
               uint32_t& position) noexcept {
  position = 0;
  if (shard > region.shards || count > kOpvMost)
    return Status::out_of_range;
  OpvOperation vector[kOpvMost];
  for (; position < count; position++) {
    vector[position] = read_operation(operations + position);
    const Status status = check(region, vector[position]);
    if (status != Status::ok)
      return status;
  }
  const Status reached = reach_shard(region, shard);
  if (reached != Status::ok)
    return reached;
  return as_owner(region, shard, array_stop_word(region, shard), [&] {
    Vector evaluated(region, shard);
    Status status = Status::ok;
    for (position = 0; position < count; position++)
      if (!evaluated.evaluate(vector[position], status))
        return status;
    evaluated.store();
    position = kOpvDone;
    return Status::ok;
  });
}

} // namespace percpu

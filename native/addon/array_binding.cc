#include "array_binding.h"

#include "../percpu/opv.h"
#include "array_operations.h"
#include "environment.h"
#include "patience.h"

namespace percpu {
namespace addon {
namespace {

napi_value answer_status(const Call& call, Status status) noexcept {
  return call.number(-static_cast<double>(status));
}

/**
 * openArray(bytes): {handle, element, index, shards, length, notes, keeper}, or the number of a RegionError. Opens a
 * seat for the calling environment, which stays open as long as the keeper lives. `notes` is an Int32Array over its
 * ArrayNotes.
 */
napi_value open(const Call& call) noexcept {
  Bytes bytes;
  if (!call.read(bytes))
    return nullptr;
  ArraySeat seat = {};
  const RegionError error = open_region(bytes.data, bytes.length, Kind::array, seat.region);
  if (error != RegionError::none)
    return call.number(static_cast<uint32_t>(error));
  void* memory;
  napi_value buffer;
  napi_value notes;
  if (!succeeded(napi_create_arraybuffer(call.env, sizeof(ArrayNotes), &memory, &buffer)) ||
      !succeeded(
          napi_create_typedarray(call.env, napi_int32_array, sizeof(ArrayNotes) / sizeof(int32_t), buffer, 0, &notes)))
    return nullptr;
  seat.notes = static_cast<ArrayNotes*>(memory);
  *seat.notes = {kInOverflow, 0, 0};
  napi_value both = Object(call.env).value("bytes", bytes.value).value("notes", buffer).value();
  if (both == nullptr)
    return nullptr;
  const Opened opened =
      call.environment().open(array_seats, static_cast<uint32_t>(Kind::array), seat, both, bytes.length);
  if (opened.handle == 0)
    return opened.is_full ? call.number(kNoHandleLeft) : nullptr;
  return Object(call.env)
      .number("handle", opened.handle)
      .number("element", static_cast<uint32_t>(seat.region.element))
      .number("index", static_cast<uint32_t>(seat.region.index))
      .number("shards", seat.region.shards)
      .number("length", array_length(seat.region))
      .value("notes", notes)
      .value("keeper", opened.keeper)
      .value();
}

/** Reads the word of the arguments (handle, shard, i), and its type. False if there is no such word. */
bool read_word(const Call& call, int64_t& word, Element& element) noexcept {
  uint32_t handle, shard, i;
  if (!call.read(handle, shard, i))
    return false;
  const ArraySeat* seat = array_seats.find(handle);
  if (seat == nullptr || array_get(seat->region, shard, i, word) != Status::ok)
    return false;
  element = seat->region.element;
  return true;
}

/** arrays.get(handle, shard, i): the word as a number; null if there is no such word. */
napi_value get(const Call& call) noexcept {
  int64_t word = 0;
  Element element;
  return read_word(call, word, element) ? call.number(from_word(element, word)) : call.null();
}

/** arrays.bigint(handle, shard, i): the word's 64 bits, as a signed whole number; null if there is no such word. */
napi_value bigint(const Call& call) noexcept {
  int64_t word = 0;
  Element element;
  return read_word(call, word, element) ? call.bigint(word) : call.null();
}

/** arrays.stop(handle, shard) and arrays.resume(handle, shard): 0, or -Status. */
template <auto function> napi_value own(const Call& call) noexcept {
  uint32_t handle, shard;
  const ArraySeat* seat = call.read(handle, shard) ? array_seats.find(handle) : nullptr;
  return answer_status(call, seat == nullptr ? Status::bad_handle : function(seat->region, shard));
}

/**
 * arrays.opv(handle, shard, operations, count): `count` if all operations were done; or the index of the operation
 * whose comparison failed; or -Status. `operations` is a Uint8Array of OpvOperations.
 */
napi_value opv(const Call& call) noexcept {
  uint32_t handle, shard, count;
  Bytes operations;
  const ArraySeat* seat = call.read(handle, shard, operations, count) ? array_seats.find(handle) : nullptr;
  if (seat == nullptr || operations.length / sizeof(OpvOperation) < count)
    return answer_status(call, Status::bad_handle);
  uint32_t position = 0;
  const auto* first = reinterpret_cast<const OpvOperation*>(operations.data);
  const Status status = cpu_opv(seat->region, shard, first, count, position);
  if (status != Status::ok)
    return answer_status(call, status);
  return call.number(position == kOpvDone ? count : position);
}

} // namespace

void export_arrays(Environment& environment, Object& exports) noexcept {
  Object arrays(environment.env());
  arrays.function<get>("get", environment)
      .function<bigint>("bigint", environment)
      .function<patient<own<array_stop>>>("stop", environment)
      .function<own<array_resume>>("resume", environment)
      .function<patient<opv>>("opv", environment);
  exports.function<open>("openArray", environment).value("arrays", arrays.value());
}

} // namespace addon
} // namespace percpu

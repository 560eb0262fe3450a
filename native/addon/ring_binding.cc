#include "ring_binding.h"

#include "../percpu/ring.h"
#include "../rseq/membarrier.h"
#include "environment.h"
#include "patience.h"

namespace percpu {
namespace addon {
namespace {

/** The result of all functions but open(): a count, or -Status. */
napi_value answer(const Call& call, Status status, double count = 0) noexcept {
  return call.number(status == Status::ok ? count : -static_cast<double>(status));
}

/**
 * openRing(bytes, scratch): opens a seat for the calling thread, or returns the number of a RegionError. The seat stays
 * open as long as its keeper lives, which keeps `bytes` and `scratch` alive. JavaScript puts each record into `scratch`
 * before it writes it.
 */
napi_value open(const Call& call) noexcept {
  Bytes bytes, scratch;
  if (!call.read(bytes, scratch))
    return nullptr;
  Region region = {};
  RingSeat seat = {};
  RegionError error = open_region(bytes.data, bytes.length, Kind::ring, region);
  if (error == RegionError::none)
    error = ring_open(region, scratch.data, static_cast<uint32_t>(scratch.length), seat);
  if (error != RegionError::none)
    return call.number(static_cast<uint32_t>(error));
  napi_value memory = Object(call.env).value("bytes", bytes.value).value("scratch", scratch.value).value();
  if (memory == nullptr)
    return nullptr;
  const Opened opened =
      call.environment().open(ring_seats, static_cast<uint32_t>(Kind::ring), seat, memory, bytes.length);
  if (opened.handle == 0)
    return opened.is_full ? call.number(kNoHandleLeft) : nullptr;
  const auto* overflow = reinterpret_cast<unsigned char*>(word_at<uint64_t>(region, region.shards, 0));
  return Object(call.env)
      .number("handle", opened.handle)
      .number("index", static_cast<uint32_t>(region.index))
      .number("writers", static_cast<uint32_t>(region.writers))
      .number("policy", static_cast<uint32_t>(region.policy))
      .number("shards", region.shards)
      .number("capacity", ring_capacity(seat))
      .number("longest", seat.longest)
      .number("overflowShard", static_cast<double>(overflow - bytes.data))
      .value("keeper", opened.keeper)
      .value();
}

/** claim(handle) and release(handle). */
template <auto function> napi_value own(const Call& call) noexcept {
  uint32_t handle;
  const RingSeat* seat = call.read(handle) ? ring_seats.find(handle) : nullptr;
  return answer(call, seat == nullptr ? Status::bad_handle : function(*seat));
}

/** read(handle, shard, into) and snapshot(handle, shard, into): how many bytes they copied into `into`. */
template <auto function> napi_value copy(const Call& call) noexcept {
  uint32_t handle, shard;
  Bytes into;
  const RingSeat* seat = call.read(handle, shard, into) ? ring_seats.find(handle) : nullptr;
  if (seat == nullptr)
    return answer(call, Status::bad_handle);
  const uint32_t room = into.length < UINT32_MAX ? static_cast<uint32_t>(into.length) : UINT32_MAX;
  uint32_t bytes = 0;
  const Status status = function(*seat, shard, into.data, room, bytes);
  // A snapshot returns its sound records even if it met a corrupt one.
  return answer(call, bytes != 0 ? Status::ok : status, bytes);
}

/**
 * writeFrom(handle, scratch, length, isTruncated): writes a record from `scratch`. It uses a copy of the seat, as the
 * given scratch is valid only during this call.
 */
napi_value write_from(const Call& call) noexcept {
  uint32_t handle, length;
  Bytes scratch;
  bool is_truncated;
  const RingSeat* found = call.read(handle, scratch, length, is_truncated) ? ring_seats.find(handle) : nullptr;
  if (found == nullptr)
    return answer(call, Status::bad_handle);
  RingSeat seat = *found;
  ring_use_scratch(seat, scratch.data, static_cast<uint32_t>(scratch.length));
  const Status status = ring_write(seat, length, is_truncated ? Wholeness::truncated : Wholeness::whole);
  if (seat.region.section_shards > found->region.section_shards) { // Extents have grown.
    found->region.section_shards = seat.region.section_shards;
    found->direct_shards = seat.direct_shards;
  }
  return answer(call, status);
}

/** free(handle, shard, bytes): frees the room of the oldest `bytes` bytes, frames included. */
napi_value free(const Call& call) noexcept {
  uint32_t handle, shard, bytes;
  const RingSeat* seat = call.read(handle, shard, bytes) ? ring_seats.find(handle) : nullptr;
  return answer(call, seat == nullptr ? Status::bad_handle : ring_free(*seat, shard, bytes));
}

/** unread(handle, shard): how many bytes are unread, frames included. */
napi_value unread(const Call& call) noexcept {
  uint32_t handle, shard;
  const RingSeat* seat = call.read(handle, shard) ? ring_seats.find(handle) : nullptr;
  uint32_t bytes = 0;
  const bool has_shard = seat != nullptr && shard <= seat->region.shards;
  const Status status = has_shard ? ring_unread(*seat, shard, bytes) : Status::bad_handle;
  return answer(call, status, bytes);
}

/** dropped(handle, shard): how many records were dropped. */
napi_value dropped(const Call& call) noexcept {
  uint32_t handle, shard;
  const RingSeat* seat = call.read(handle, shard) ? ring_seats.find(handle) : nullptr;
  if (seat == nullptr || shard > seat->region.shards)
    return answer(call, Status::bad_handle);
  return answer(call, Status::ok, static_cast<double>(ring_dropped(*seat, shard)));
}

/** barrier(): makes all threads of the process execute a full fence, if the kernel has this command. */
napi_value barrier(const Call&) noexcept {
  if (membarrier::register_private_expedited() == 0)
    membarrier::private_fence();
  return nullptr;
}

} // namespace

void export_rings(Environment& environment, Object& exports) noexcept {
  Object rings(environment.env());
  rings.function<patient<own<ring_claim>>>("claim", environment)
      .function<own<ring_release>>("release", environment)
      .function<copy<ring_read>>("read", environment)
      .function<copy<ring_snapshot>>("snapshot", environment)
      .function<free>("free", environment)
      .function<patient<write_from>>("writeFrom", environment)
      .function<patient<own<ring_drop>>>("drop", environment)
      .function<unread>("unread", environment)
      .function<dropped>("dropped", environment)
      .function<barrier>("barrier", environment);
  exports.value("rings", rings.value()).function<open>("openRing", environment);
}

} // namespace addon
} // namespace percpu

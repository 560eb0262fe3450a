#include "pool_binding.h"

#include "../percpu/pool.h"
#include "environment.h"
#include "patience.h"

namespace percpu {
namespace addon {
namespace {

/** poolFlush(handle, shard): how many blocks it moved from the shard to the central store, or -Status. */
napi_value flush(const Call& call) noexcept {
  uint32_t handle, shard;
  const Region* region = call.read(handle, shard) ? find_region(handle, Kind::pool) : nullptr;
  uint32_t count = 0;
  const Status status = region == nullptr ? Status::bad_handle : pool_flush(*region, shard, count);
  return call.number(status == Status::ok ? count : -static_cast<double>(status));
}

} // namespace

void export_pools(Environment& environment, Object& exports) noexcept {
  exports.function<patient<flush>>("poolFlush", environment);
}

} // namespace addon
} // namespace percpu

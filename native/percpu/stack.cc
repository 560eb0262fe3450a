#include "stack.h"

#include "stack_shard.h"

namespace percpu {

Status detail::stack_push_slow(const Region& region, double value) noexcept {
  using namespace stack_shard;
  if (!is_finite(value))
    return Status::bad_value;
  switch (attempt_push(region, value)) {
  case Attempted::done:
    return Status::ok;
  case Attempted::at_limit:
    return Status::full;
  case Attempted::corrupt:
    return Status::corrupt;
  case Attempted::elsewhere:
    break;
  }
  return push_locked(region, shard_without_section(region), value);
}

Status detail::stack_pop_slow(const Region& region, double& value) noexcept {
  using namespace stack_shard;
  const Attempted attempted = attempt_pop(region, value);
  if (attempted == Attempted::done)
    return is_finite(value) ? Status::ok : Status::corrupt;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_without_section(region);
  const Status status = own != region.shards ? pop_locked(region, own, value) : Status::empty;
  return status == Status::empty ? pop_locked(region, region.shards, value) : status;
}

Status stack_push_many(const Region& region, const double* values, uint32_t& count) noexcept {
  using namespace stack_shard;
  const uint32_t wanted = count;
  for (count = 0; count < wanted; count++) {
    const double value = read_once(values + count); // Other threads may write the caller's array.
    const Status status = stack_push(region, value);
    if (status != Status::ok)
      return status == Status::full ? Status::ok : status;
  }
  return Status::ok;
}

Status stack_pop_many(const Region& region, double* values, uint32_t& count) noexcept {
  const uint32_t wanted = count;
  for (count = 0; count < wanted; count++) {
    double value = 0;
    const Status status = stack_pop(region, value);
    // Returns the values that it has popped. The next call meets the error again.
    if (status != Status::ok)
      return status == Status::empty || count != 0 ? Status::ok : status;
    values[count] = value;
  }
  return Status::ok;
}

Status stack_size(const Region& region, uint32_t shard, uint32_t& size) noexcept {
  using namespace stack_shard;
  size = 0;
  const Status present = see_shard(region, shard);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  const uint64_t seen = count_of(region, shard);
  const bool is_fine = seen <= capacity_of(region, shard);
  size = is_fine ? static_cast<uint32_t>(seen) : 0;
  return is_fine ? Status::ok : Status::corrupt;
}

Status stack_stop(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::stop(region, shard);
}

Status stack_resume(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::resume(region, shard);
}

Status stack_push_owned(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept {
  using namespace stack_shard;
  const Status owner = owner_check(region, shard);
  if (owner == Status::ok)
    return push_owned(region, shard, values, count);
  count = 0;
  return owner;
}

Status stack_pop_owned(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept {
  using namespace stack_shard;
  const Status owner = owner_check(region, shard);
  if (owner == Status::ok)
    return pop_owned(region, shard, values, count);
  count = 0;
  return owner;
}

} // namespace percpu

#include "list.h"

#include "stopped_shard.h"

namespace rseq {
namespace list_shard {

using namespace stopped_shard;

/** A shard's first word. */
constexpr uint32_t kHead = 0;

/** Its link is this one's number and 1. */
int64_t* link_of(const Region& region, uint32_t node) noexcept {
  return list_links(region) + node;
}

/** Anybody's word, as the links. */
uint64_t head_of(const Region& region, uint32_t shard) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, shard, kHead), __ATOMIC_RELAXED);
}

uint64_t load_link(const Region& region, uint64_t node) noexcept {
  return static_cast<uint64_t>(__atomic_load_n(link_of(region, static_cast<uint32_t>(node)), __ATOMIC_RELAXED));
}

void store_head(const Region& region, uint32_t shard, uint64_t link) noexcept {
  __atomic_store_n(word_at<uint64_t>(region, shard, kHead), link, __ATOMIC_RELAXED);
}

Status give(const Region& region, uint32_t shard, uint32_t node) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head > region.units)
    return Status::corrupt;
  __atomic_store_n(link_of(region, node), static_cast<int64_t>(head), __ATOMIC_RELAXED);
  store_head(region, shard, node + uint64_t{1});
  return Status::ok;
}

Status take(const Region& region, uint32_t shard, uint32_t& node) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head == 0 || head > region.units)
    return head == 0 ? Status::empty : Status::corrupt;
  node = static_cast<uint32_t>(head - 1);
  store_head(region, shard, load_link(region, node));
  return Status::ok;
}

Status take_locked(const Region& region, uint32_t shard, uint32_t& node) noexcept {
  // Not to take a lock for nothing, which is the usual case of the overflow shard.
  if (head_of(region, shard) == 0)
    return Status::empty;
  return locked(region, shard, [&] { return take(region, shard, node); });
}

Obstacle obstacle(const Region& region, uint32_t shard) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head > region.units)
    return Obstacle::corrupt;
  const Obstacle stop = stop_obstacle(region, shard);
  return stop == Obstacle::none && head == 0 ? Obstacle::at_limit : stop;
}

} // namespace list_shard

Status list_push(const Region& region, uint32_t node) noexcept {
  using namespace list_shard;
  if (node >= region.units)
    return Status::out_of_range;
  // A push is never at its limit: an empty list is no obstacle to it.
  const auto look = [&](uint32_t shard) { return stop_obstacle(region, shard); };
  const Attempted attempted = attempt(region, look, [&](const Here& here, int64_t* words) {
    return load_cbne_load_store_store(here, words, link_of(region, node), node + int64_t{1});
  });
  if (attempted == Attempted::done)
    return Status::ok;
  const uint32_t shard = shard_without_section(region);
  return locked(region, shard, [&] { return give(region, shard, node); });
}

Status list_pop(const Region& region, uint32_t& node) noexcept {
  using namespace list_shard;
  const auto look = [&](uint32_t shard) { return obstacle(region, shard); };
  const Attempted attempted = attempt(region, look, [&](const Here& here, int64_t* words) {
    const int32_t popped = load_cbne_load_add_cbge_load_store_link(here, words, link_of(region, 0), region.units);
    node = static_cast<uint32_t>(popped);
    return popped >= 0 ? Outcome::done : static_cast<Outcome>(-popped);
  });
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_without_section(region);
  const Status status = own != region.shards ? take_locked(region, own, node) : Status::empty;
  return status == Status::empty ? take_locked(region, region.shards, node) : status;
}

Status list_size(const Region& region, uint32_t shard, uint32_t& size) noexcept {
  using namespace list_shard;
  size = 0;
  if (shard > region.shards)
    return Status::out_of_range;
  if (head_of(region, shard) == 0)
    return Status::ok;
  return locked(region, shard, [&] {
    uint32_t seen = 0;
    for (uint64_t link = head_of(region, shard); link != 0; link = load_link(region, link - 1))
      if (link > region.units || seen++ == region.units)
        return Status::corrupt;
    size = seen;
    return Status::ok;
  });
}

Status list_stop(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::stop(region, shard);
}

Status list_resume(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::resume(region, shard);
}

Status list_give(const Region& region, uint32_t shard, const double* nodes, uint32_t& count) noexcept {
  using namespace list_shard;
  const uint32_t wanted = count;
  count = 0;
  const Status owner = owner_check(region, shard);
  if (owner != Status::ok)
    return owner;
  for (; count < wanted; count++) {
    const double node = nodes[count]; // Read once: the array may be shared, too.
    const Status status = is_unit(region, node) ? give(region, shard, static_cast<uint32_t>(node)) : Status::bad_value;
    if (status != Status::ok)
      return status;
  }
  return Status::ok;
}

Status list_take(const Region& region, uint32_t shard, double* nodes, uint32_t& count) noexcept {
  using namespace list_shard;
  const uint32_t wanted = count;
  count = 0;
  const Status owner = owner_check(region, shard);
  if (owner != Status::ok)
    return owner;
  for (; count < wanted; count++) {
    uint32_t node = 0;
    const Status status = take(region, shard, node);
    if (status != Status::ok)
      return status == Status::empty ? Status::ok : status;
    nodes[count] = node;
  }
  // All nodes, and there are more: a circle.
  return wanted >= region.units && wanted != 0 && head_of(region, shard) != 0 ? Status::corrupt : Status::ok;
}

} // namespace rseq

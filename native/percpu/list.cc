#include "list.h"

#include "holder.h"
#include "stopped_shard.h"

namespace percpu {
namespace list_shard {

using namespace stopped_shard;

/** A shard's first word. */
constexpr uint32_t kHead = 0;

/** The link of a node. */
int64_t* link_of(const Region& region, uint32_t node) noexcept {
  return list_links(region) + node;
}

/** A shard's head. Any thread can overwrite it, and the links. */
uint64_t head_of(const Region& region, uint32_t shard) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, shard, kHead), __ATOMIC_RELAXED);
}

uint64_t load_link(const Region& region, uint64_t node) noexcept {
  return static_cast<uint64_t>(__atomic_load_n(link_of(region, static_cast<uint32_t>(node)), __ATOMIC_RELAXED));
}

/** Release order: a process that reclaims nodes and finds a list empty sees the notes of the nodes taken from it. */
void store_head(const Region& region, uint32_t shard, uint64_t link) noexcept {
  __atomic_store_n(word_at<uint64_t>(region, shard, kHead), link, __ATOMIC_RELEASE);
}

/** Puts a node on a shard's list by stores. A process may be killed between them. */
Status link(const Region& region, uint32_t shard, uint32_t node) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head > region.units)
    return Status::corrupt;
  __atomic_store_n(link_of(region, node), static_cast<int64_t>(head), __ATOMIC_RELAXED);
  store_head(region, shard, node + uint64_t{1});
  return Status::ok;
}

/** Takes the first node off a shard's list by stores. */
Status unlink(const Region& region, uint32_t shard, uint32_t& node) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head == 0 || head > region.units)
    return head == 0 ? Status::empty : Status::corrupt;
  node = static_cast<uint32_t>(head - 1);
  if (has_notes(region)) {
    const uint32_t note = process_note(region.service);
    if (note == 0)
      return Status::contended; // Nothing would say who holds the node.
    note_holder(region, node, note);
  }
  store_head(region, shard, load_link(region, node));
  return Status::ok;
}

/**
 * Calls `see(node)` for the nodes of a shard's list, until it returns false, and adds their number to `seen`. No thread
 * may change the list meanwhile. corrupt: a link names no node, or `seen` exceeds the number of nodes.
 */
template <typename See> Status walk(const Region& region, uint32_t shard, uint32_t& seen, See see) noexcept {
  for (uint64_t link = head_of(region, shard); link != 0; link = load_link(region, link - 1)) {
    if (link > region.units || seen++ == region.units)
      return Status::corrupt;
    if (!see(static_cast<uint32_t>(link - 1)))
      break;
  }
  return Status::ok;
}

/*
 * Checked lists.
 *
 * Each change has two steps, of the node's state and of a head. A thread can end between them: a terminated Worker on
 * the portable backend, or any thread of a killed process. Both steps are therefore made behind one lock, that of the
 * overflow shard, which the next thread takes over from an owner that has ended. A thread that changes another shard by
 * stores first takes the lock of that shard, too.
 *
 * A node on a list is always `listed`: a push changes the state before the head, a pop the head before the state. A
 * node that is `free` is therefore on no list, and a push of it only loads the state. A thread that ends between the
 * two steps may leave a node that is `listed` and on no list, but never a `free` node on a list, so no node gets onto
 * two lists. The node is not lost either: a push of a `listed` node searches all lists, which no thread can change
 * while it holds the lock, and refuses the node only if it finds it. Only a wrong push or a repair costs this walk.
 */

/** Makes a node that is on no list `listed`; else returns listed or corrupt. The caller holds the overflow shard's
 * lock. */
Status claim(const Region& region, uint32_t node) noexcept {
  uint32_t* const state = unit_state(region, node);
  bool is_listed = false;
  if (__atomic_load_n(state, __ATOMIC_RELAXED) != static_cast<uint32_t>(NodeState::free)) {
    uint32_t seen = 0;
    Status status = Status::ok;
    for (uint32_t shard = 0; shard <= region.shards && status == Status::ok && !is_listed; shard++)
      status = walk(region, shard, seen, [&](uint32_t other) { return !(is_listed = other == node); });
    if (status != Status::ok)
      return status;
  }
  if (is_listed)
    return Status::listed;
  __atomic_store_n(state, static_cast<uint32_t>(NodeState::listed), __ATOMIC_RELAXED);
  return Status::ok;
}

/** Makes a popped node `free`; corrupt if it was not `listed`. The caller holds the overflow shard's lock. */
Status release(const Region& region, uint32_t node) noexcept {
  uint32_t* const state = unit_state(region, node);
  // What else is there is left to the next push of the node, which does not believe it.
  if (__atomic_load_n(state, __ATOMIC_RELAXED) != static_cast<uint32_t>(NodeState::listed))
    return Status::corrupt;
  __atomic_store_n(state, static_cast<uint32_t>(NodeState::free), __ATOMIC_RELAXED);
  return Status::ok;
}

/** Makes a node `listed` and calls `push()`, which pushes it. The caller holds the overflow shard's lock. */
template <typename Push> Status push_claimed(const Region& region, uint32_t node, Push push) noexcept {
  Status status = claim(region, node);
  if (status != Status::ok)
    return status;
  status = push();
  return status == Status::ok ? status : (release(region, node), status);
}

/** Pushes a node on a shard that the calling thread owns. */
Status push_owned(const Region& region, uint32_t shard, uint32_t node) noexcept {
  const auto push = [&] { return link(region, shard, node); };
  if (!region.is_checked)
    return push();
  return locked(region, region.shards, [&] { return push_claimed(region, node, push); });
}

/** Pops a node from a shard that the calling thread owns. */
Status pop_owned(const Region& region, uint32_t shard, uint32_t& node) noexcept {
  if (!region.is_checked)
    return unlink(region, shard, node);
  return locked(region, region.shards, [&] {
    const Status status = unlink(region, shard, node);
    return status == Status::ok ? release(region, node) : status;
  });
}

Status take_locked(const Region& region, uint32_t shard, uint32_t& node) noexcept {
  // Looks before it takes the lock, as the overflow shard is usually empty.
  if (head_of(region, shard) == 0)
    return Status::empty;
  return locked(region, shard, [&] { return pop_owned(region, shard, node); });
}

Obstacle obstacle(const Region& region, uint32_t shard) noexcept {
  const uint64_t head = head_of(region, shard);
  if (head > region.units)
    return Obstacle::corrupt;
  const Obstacle stop = stop_obstacle(region, shard);
  return stop == Obstacle::none && head == 0 ? Obstacle::at_limit : stop;
}

/** The attempts to push by a section. */
Attempted attempt_push(const Region& region, uint32_t node) noexcept {
  // A list has no limit for pushes, so only a stop can be in the way.
  const auto look = [&](uint32_t shard) { return stop_obstacle(region, shard); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    return load_cbne_load_store_store(here, words, link_of(region, node), node + int64_t{1});
  });
}

/** attempt_pop() that notes the holder before the section commits. */
Attempted attempt_pop_noted(const Region& region, uint32_t note, uint32_t& node) noexcept {
  const auto look = [&](uint32_t shard) { return obstacle(region, shard); };
  return attempt(region, look, [&](const Here& here, int64_t*) { return list_pop_noted(region, here, note, node); });
}

/** The attempts to pop by a section. */
Attempted attempt_pop(const Region& region, uint32_t& node) noexcept {
  if (has_notes(region)) {
    const uint32_t note = process_note(region.service);
    return note != 0 ? attempt_pop_noted(region, note, node) : Attempted::elsewhere;
  }
  const auto look = [&](uint32_t shard) { return obstacle(region, shard); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    const int32_t popped = load_cbne_load_add_cbge_load_store_link(here, words, link_of(region, 0), region.units);
    node = static_cast<uint32_t>(popped);
    return popped >= 0 ? Outcome::done : static_cast<Outcome>(-popped);
  });
}

/**
 * Runs `act()` with the locks that a change of a checked list needs: that of `shard`, which the thread uses without a
 * section, and that of the overflow shard. If sections write the lists, both are one lock.
 */
template <typename Act> Status with_both_locks(const Region& region, uint32_t shard, Act act) noexcept {
  return locked(region, shard, [&] { return locked(region, region.shards, act); });
}

/** list_push() for checked lists. */
Status push_checked(const Region& region, uint32_t node) noexcept {
  const uint32_t shard = shard_without_section(region);
  const auto push = [&] {
    return attempt_push(region, node) == Attempted::done ? Status::ok : link(region, shard, node);
  };
  return with_both_locks(region, shard, [&] { return push_claimed(region, node, push); });
}

/** list_pop() for checked lists. */
Status pop_checked(const Region& region, uint32_t& node) noexcept {
  const uint32_t shard = shard_without_section(region);
  return with_both_locks(region, shard, [&] {
    const Attempted attempted = attempt_pop(region, node);
    if (attempted == Attempted::corrupt)
      return Status::corrupt;
    Status status = attempted == Attempted::done ? Status::ok : unlink(region, shard, node);
    if (status == Status::empty && shard != region.shards)
      status = unlink(region, region.shards, node);
    return status == Status::ok ? release(region, node) : status;
  });
}

/** Replaces the notes of `dead` on the nodes of a list that the calling thread owns. */
Status clear_notes(const Region& region, uint32_t shard, const DeadHolders& dead) noexcept {
  const uint32_t note = process_note(region.service);
  uint32_t seen = 0;
  return walk(region, shard, seen, [&](uint32_t node) {
    if (dead.have(unit_holder(region, node)))
      note_holder(region, node, note);
    return true;
  });
}

/** Pushes the nodes that still have a note of `dead`, and are on no list, on the overflow list, whose lock is held. */
Status give_back(const Region& region, const DeadHolders& dead, uint32_t& count) noexcept {
  for (uint32_t node = 0; node < region.units; node++) {
    const uint32_t holder = unit_holder(region, node);
    // First makes the node this process's own. Who adopts it meanwhile (unit_adopt()) keeps it.
    if (!dead.have(holder) || unit_adopt(region, node, holder) != Status::ok)
      continue;
    const Status status = push_owned(region, region.shards, node);
    if (status != Status::ok)
      return status;
    count++;
  }
  return Status::ok;
}

} // namespace list_shard

Status detail::list_push_slow(const Region& region, uint32_t node) noexcept {
  using namespace list_shard;
  if (node >= region.units)
    return Status::out_of_range;
  if (region.is_checked)
    return push_checked(region, node);
  if (attempt_push(region, node) == Attempted::done)
    return Status::ok;
  const uint32_t shard = shard_without_section(region);
  return locked(region, shard, [&] { return link(region, shard, node); });
}

Status detail::list_pop_slow(const Region& region, uint32_t& node) noexcept {
  using namespace list_shard;
  if (region.is_checked)
    return pop_checked(region, node);
  const Attempted attempted = attempt_pop(region, node);
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
    const Status status = walk(region, shard, seen, [](uint32_t) { return true; });
    size = status == Status::ok ? seen : 0;
    return status;
  });
}

Status list_reclaim(const Region& region, uint32_t& count) noexcept {
  using namespace list_shard;
  count = 0;
  if (!has_notes(region))
    return Status::ok;
  const DeadHolders dead(region);
  if (dead.are_none())
    return Status::ok;
  if (process_note(region.service) == 0)
    return Status::contended;
  for (uint32_t shard = 0; shard < region.shards; shard++) {
    // Acquire order: if the last section there has popped the last node, its note is seen by give_back().
    if (__atomic_load_n(word_at<uint64_t>(region, shard, kHead), __ATOMIC_ACQUIRE) == 0)
      continue;
    const Status status = locked(region, shard, [&] { return clear_notes(region, shard, dead); });
    if (status != Status::ok)
      return status;
  }
  return locked(region, region.shards, [&] {
    const Status status = clear_notes(region, region.shards, dead);
    return status == Status::ok ? give_back(region, dead, count) : status;
  });
}

Status list_stop(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::stop(region, shard);
}

Status list_resume(const Region& region, uint32_t shard) noexcept {
  return stopped_shard::resume(region, shard);
}

Status list_push_owned(const Region& region, uint32_t shard, const double* nodes, uint32_t& count) noexcept {
  using namespace list_shard;
  const uint32_t wanted = count;
  count = 0;
  const Status owner = owner_check(region, shard);
  if (owner != Status::ok)
    return owner;
  for (; count < wanted; count++) {
    const double node = read_once(nodes + count); // Other threads may write the caller's array.
    const Status status =
        is_unit(region, node) ? push_owned(region, shard, static_cast<uint32_t>(node)) : Status::bad_value;
    if (status != Status::ok)
      return status;
  }
  return Status::ok;
}

Status list_pop_owned(const Region& region, uint32_t shard, double* nodes, uint32_t& count) noexcept {
  using namespace list_shard;
  const uint32_t wanted = count;
  count = 0;
  const Status owner = owner_check(region, shard);
  if (owner != Status::ok)
    return owner;
  for (; count < wanted; count++) {
    uint32_t node = 0;
    const Status status = pop_owned(region, shard, node);
    if (status != Status::ok)
      return status == Status::empty ? Status::ok : status;
    nodes[count] = node;
  }
  // It popped as many nodes as exist and the list still has one: the list is a circle.
  return wanted >= region.units && wanted != 0 && head_of(region, shard) != 0 ? Status::corrupt : Status::ok;
}

} // namespace percpu

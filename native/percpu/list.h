/**
 * @file
 * A list for each CPU, over a fixed set of numbered nodes in the region's arena.
 *
 *     word 0   the head: the first node's number plus 1, or 0 if the list is empty
 *     word 1   the stop word (remote.h)
 *
 * A node's word in the arena is its link: the next node's number plus 1, or 0 at the end. A push or a pop is one
 * critical section on this CPU's list, which checks the stop word, and a pop the head, inside. A section cannot meet
 * the ABA problem, so links need no tag. A node must be on at most one list; callers keep track of nodes that are on
 * none.
 *
 * Threads without rseq, threads aborted kAttempts times in a row, and threads whose CPU is stopped use the overflow
 * shard, a list behind a lock; a pop looks there if its CPU's list is empty. If atomics write the region, every list is
 * behind its lock.
 *
 * In a checked list, each node also has a state, behind the links, which tells whether the node is on a list. A push of
 * a node that is on a list is refused. To keep states right, every change of any shard of a checked list is made behind
 * the lock of the overflow shard (list.cc describes the order of the steps, and the state that a thread leaves if it
 * ends in between). The functions that push and pop directly must not be used: region.is_direct is false.
 *
 * In memory that processes share, each node also has a note of the process that popped it (holder.h).
 *
 * All functions are thread-safe. A thread that pops a node sees all stores that its pusher made before the push. Lists
 * become wrong if a node is pushed twice without checks or a program overwrites links, but no walk has more steps than
 * there are nodes.
 */
#ifndef RSEQ_PERCPU_LIST_H
#define RSEQ_PERCPU_LIST_H

#include "../rseq/thread.h"
#include "holder.h"
#include "status.h"

namespace percpu {

namespace detail {
/** The rest of list_push() and list_pop(): more attempts, then the overflow shard, or the reason for a refusal. */
Status list_push_slow(const Region& region, uint32_t node) noexcept;
Status list_pop_slow(const Region& region, uint32_t& node) noexcept;
} // namespace detail

/** Words of a shard. */
constexpr uint32_t kListLength = 2;

/** The state of a node in a checked list. */
enum class NodeState : uint32_t {
  free = 0,   ///< On no list.
  listed = 1, ///< On a list, or about to be pushed or popped: see list.cc.
};

/** The links of all nodes, beginning with node 0: the arena's words. */
inline int64_t* list_links(const Region& region) noexcept {
  return reinterpret_cast<int64_t*>(region.first_shard + (region.shards + uint64_t{1}) * region.stride);
}

/**
 * One attempt to push, whose last call is the section. region.is_direct must be set, `index` below region.shards,
 * `node` below region.units, and `area` libc's.
 */
inline Outcome list_push_directly(const Region& region, Area* area, uint64_t index, uint32_t node) noexcept {
  return load_cbne_load_store_store({area, static_cast<uint32_t>(index), Index::cpu_id},
                                    word_at<int64_t>(region, index, 0), list_links(region) + node, node + int64_t{1});
}

/** One attempt to pop, as list_push_directly(). Returns the node, or a number below 0 if it popped none. */
inline int32_t list_pop_directly(const Region& region, Area* area, uint64_t index) noexcept {
  return load_cbne_load_add_cbge_load_store_link({area, static_cast<uint32_t>(index), Index::cpu_id},
                                                 word_at<int64_t>(region, index, 0), list_links(region), region.units);
}

/**
 * In lists that have notes: one attempt of a section to pop a node from the list of the CPU `place.index`, which must
 * be below region.shards, as a process that `note` names. compare_failed: the list is empty, stopped or damaged, or has
 * just changed.
 */
inline Outcome list_pop_noted(const Region& region, const Here& place, uint32_t note, uint32_t& node) noexcept {
  int64_t* const words = word_at<int64_t>(region, place.index, 0);
  const auto head = static_cast<uint64_t>(__atomic_load_n(words, __ATOMIC_RELAXED));
  if (__builtin_expect(head - 1 >= region.units, false))
    return Outcome::compare_failed;
  node = static_cast<uint32_t>(head - 1);
  return load_cbne_load_cbne_store_load_store(place, words, static_cast<int64_t>(head), list_links(region) + node,
                                              unit_note(region, node), note);
}

/**
 * Pushes a node on this CPU's list. O(1).
 * @return ok; out_of_range: there is no such node; listed: it is already on a list, which a checked list verifies in
 *     O(nodes); corrupt; contended (the overflow shard).
 */
inline Status list_push(const Region& region, uint32_t node) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(region.is_direct && node < region.units && index < region.shards &&
                           list_push_directly(region, place.area, index, node) == Outcome::done,
                       true))
    return Status::ok;
  return detail::list_push_slow(region, node);
}

/**
 * Pops the node pushed last on this CPU, or one from the overflow shard. O(1). Returns ok, empty, corrupt or contended.
 * If a checked list returns corrupt because of the node's state, the node is no longer on the list.
 */
inline Status list_pop(const Region& region, uint32_t& node) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index < region.direct_pops, true)) {
    const int32_t popped = list_pop_directly(region, place.area, index);
    node = static_cast<uint32_t>(popped);
    if (__builtin_expect(popped >= 0, true))
      return Status::ok;
  }
  return detail::list_pop_slow(region, node);
}

/**
 * Sets `size` to the number of nodes on a shard's list; `shard` is at most region.shards. O(nodes), with the CPU
 * stopped.
 * @return as stop_shard(); corrupt: a link names no node, or the list is a circle.
 */
Status list_size(const Region& region, uint32_t shard, uint32_t& size) noexcept;

/**
 * Pushes the nodes that processes held which have died on the overflow list, and sets `count` to their number: 0 in
 * memory of one process. O(nodes + possible CPUs), with a fence for each CPU whose list is not empty, if a dead process
 * is named by a note; else O(nodes). A node that is given back has the bytes that the process left in it.
 * @return ok; contended; busy; unfenceable; corrupt: nothing was given back, as not all nodes on lists can be found.
 */
Status list_reclaim(const Region& region, uint32_t& count) noexcept;

/** Stops a CPU's list for all other threads, until list_resume(). Returns as stop_shard(), or out_of_range. */
Status list_stop(const Region& region, uint32_t shard) noexcept;

/** Resumes a list that the calling thread stopped. Returns ok or not_owner. */
Status list_resume(const Region& region, uint32_t shard) noexcept;

/**
 * Pushes nodes[0] to nodes[count - 1] on a list that the calling thread has stopped, and sets `count` to the number of
 * pushed nodes. O(count).
 * @return ok; not_owner; out_of_range; bad_value: there is no such node; listed; corrupt.
 */
Status list_push_owned(const Region& region, uint32_t shard, const double* nodes, uint32_t& count) noexcept;

/**
 * Pops up to `count` nodes, last pushed first, from a list that the calling thread has stopped, and sets `count` to
 * their number. O(count).
 * @return ok; corrupt: a link names no node, or the list is a circle (the popped nodes are no longer on the list);
 *     out_of_range; not_owner.
 */
Status list_pop_owned(const Region& region, uint32_t shard, double* nodes, uint32_t& count) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_LIST_H

/**
 * @file
 * A list for each CPU, over a fixed set of nodes that lie in the region's arena and have numbers.
 *
 *     word 0   the head: the first node's number and 1, or 0 if the list is empty
 *     word 1   the stop word (remote.h)
 *
 * A node's word in the arena is its link: the next node's number and 1, or 0 at the end. A push or a pop is one
 * critical section on this CPU's list, which checks the stop word, and a pop the head, inside: there is no ABA, and no
 * tag against it. A node is on one list at most; which are on none is the callers' business.
 *
 * The overflow shard is a list like the others, behind a lock, for threads without rseq, for those aborted kAttempts
 * times in a row, and where the CPU is stopped; pops look there when their CPU has nothing. Where atomics write the
 * region, every list is behind its lock.
 *
 * All functions are thread-safe. Who pops a node sees what its pusher had stored before the push. A node that is pushed
 * twice, or links that something has written over, make lists of wrong nodes, but no walk takes longer than there are
 * nodes.
 */
#ifndef RSEQ_PERCPU_LIST_H
#define RSEQ_PERCPU_LIST_H

#include "../rseq/thread.h"
#include "arena.h"
#include "status.h"

namespace rseq {

/** Words of a shard. */
constexpr uint32_t kListLength = 2;

/** The links, that of node 0 first: the arena's words. */
inline int64_t* list_links(const Region& region) noexcept {
  return reinterpret_cast<int64_t*>(region.first_shard + (region.shards + uint64_t{1}) * region.stride);
}

/** One attempt to push, that ends in the section: where region.is_direct and `index` is a shard's, `node` a unit. */
inline Outcome list_push_directly(const Region& region, Area* area, uint64_t index, uint32_t node) noexcept {
  return load_cbne_load_store_store({area, static_cast<uint32_t>(index), Index::cpu_id},
                                    word_at<int64_t>(region, index, 0), list_links(region) + node, node + int64_t{1});
}

/** The same for a pop: a node, or below 0 if there was none. */
inline int32_t list_pop_directly(const Region& region, Area* area, uint64_t index) noexcept {
  return load_cbne_load_add_cbge_load_store_link({area, static_cast<uint32_t>(index), Index::cpu_id},
                                                 word_at<int64_t>(region, index, 0), list_links(region), region.units);
}

/** Pushes a node on this CPU's list. O(1). Returns ok, out_of_range, corrupt or contended (of the overflow shard). */
Status list_push(const Region& region, uint32_t node) noexcept;

/** Pops the node pushed last on this CPU, or one that overflowed. O(1). Returns ok, empty, corrupt or contended. */
Status list_pop(const Region& region, uint32_t& node) noexcept;

/**
 * How many nodes a shard's list (up to the overflow shard's) has. O(nodes), with the CPU stopped: see stop_shard() for
 * the answers; corrupt: the list leads to what is no node, or to more of them than there are.
 */
Status list_size(const Region& region, uint32_t shard, uint32_t& size) noexcept;

/** Stops a CPU's list for everybody but the calling thread, until list_resume(): see stop_shard(). */
Status list_stop(const Region& region, uint32_t shard) noexcept;

/** Lets a list go that the calling thread stopped. Returns ok or not_owner. */
Status list_resume(const Region& region, uint32_t shard) noexcept;

/** Pushes nodes[0] first, on a list that the calling thread has stopped; or not_owner, or bad_value: no node. */
Status list_give(const Region& region, uint32_t shard, const double* nodes, uint32_t& count) noexcept;

/**
 * Pops up to `count` nodes, last pushed first, from a list that the calling thread has stopped, and says in `count` how
 * many there were. corrupt: the list leads to what is no node, or in a circle; those that were popped are gone.
 */
Status list_take(const Region& region, uint32_t shard, double* nodes, uint32_t& count) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_LIST_H

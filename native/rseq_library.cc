/**
 * @file
 * All of native/rseq and native/percpu as one source, for an addon of another package: one file of its
 * own that includes this one, and one that includes rseq_sections.S, are all that its build needs.
 * See examples/native-addon.
 */
// NOLINTBEGIN(bugprone-suspicious-include): that is the point of it.
#include "percpu/array.cc"
#include "percpu/counter.cc"
#include "percpu/counter_tree.cc"
#include "percpu/cpu_lock.cc"
#include "percpu/extents.cc"
#include "percpu/fence_rows.cc"
#include "percpu/heap.cc"
#include "percpu/heap_spans.cc"
#include "percpu/holder.cc"
#include "percpu/list.cc"
#include "percpu/lock_words.cc"
#include "percpu/mutex.cc"
#include "percpu/opv.cc"
#include "percpu/owner.cc"
#include "percpu/owner_table.cc"
#include "percpu/pool.cc"
#include "percpu/region.cc"
#include "percpu/remote.cc"
#include "percpu/ring.cc"
#include "percpu/ring_reader.cc"
#include "percpu/room.cc"
#include "percpu/service.cc"
#include "percpu/stack.cc"
#include "percpu/stack_shard.cc"
#include "percpu/stopped_shard.cc"
#include "rseq/clocks.cc"
#include "rseq/cpus.cc"
#include "rseq/membarrier.cc"
#include "rseq/published_area.cc"
#include "rseq/registered_area.cc"
#include "rseq/registering.cc"
#include "rseq/thread.cc"
#include "rseq/tick_clock.cc"
#include "rseq/verify.cc"
#include "rseq/visit.cc"
// NOLINTEND(bugprone-suspicious-include)

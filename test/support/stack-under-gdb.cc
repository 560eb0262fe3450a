// For test/gdb.test.ts: one push and one pop, and where the value was in between.
#include "percpu/stack.h"
#include "rseq/cpus.h"

#include <cstdio>
#include <cstdlib>
#include <sched.h>

namespace {

constexpr uint32_t kCapacity = 4;

/** Stays on this CPU: then nothing but the debugger interrupts a section. */
void stay_here() {
  const int cpu = sched_getcpu();
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<size_t>(cpu), &only);
  sched_setaffinity(0, sizeof(only), &only);
}

/** How many values the stacks of all CPUs have. */
uint32_t on_cpus(const rseq::Region& region) {
  uint32_t sum = 0;
  for (uint32_t shard = 0; shard < region.shards; shard++) {
    uint32_t size = 0;
    rseq::stack_size(region, shard, size);
    sum += size;
  }
  return sum;
}

} // namespace

extern "C" __attribute__((noinline)) rseq::Status push(const rseq::Region& region, double value) {
  return rseq::stack_push(region, value);
}

extern "C" __attribute__((noinline)) rseq::Status pop(const rseq::Region& region, double& value) {
  return rseq::stack_pop(region, value);
}

int main() {
  stay_here();
  rseq::attach();
  const rseq::RegionSpec spec = {rseq::Kind::stack,       rseq::Element::f64,    rseq::Index::cpu_id,
                                 rseq::Writers::sections, rseq::possible_cpus(), rseq::kStackHead + kCapacity};
  const uint64_t size = rseq::region_size(spec.shards, spec.length);
  void* memory = calloc(1, size);
  rseq::Region region;
  if (memory == nullptr || rseq::format_region(memory, size, spec) != rseq::RegionError::none ||
      rseq::open_region(memory, size, spec.kind, region) != rseq::RegionError::none)
    return 1;
  const rseq::Status pushed = push(region, 1.5);
  const uint32_t shards = on_cpus(region);
  uint32_t overflow = 0;
  rseq::stack_size(region, region.shards, overflow);
  double value = 0;
  const rseq::Status popped = pop(region, value);
  printf("{ \"onCpus\": %u, \"overflow\": %u, \"popped\": %g, \"left\": %u }\n", shards, overflow, value,
         on_cpus(region));
  rseq::detach();
  free(memory);
  return pushed == rseq::Status::ok && popped == rseq::Status::ok ? 0 : 1;
}

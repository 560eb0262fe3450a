// A program to try a debugger on: one addition to one counter, and then what each shard holds.
//
//     g++ -std=c++17 -O2 -g -Inative docs/gdb/example.cc native/rseq/*.cc native/rseq/arch/*.S
//         native/percpu/*.cc -pthread -ldl -o example
//     gdb -x docs/gdb/rseq.py -ex 'break add' -ex run ./example
//     (gdb) rseq-stepi 100
#include "percpu/counter.h"
#include "rseq/cpus.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <sched.h>

namespace {

/** Stays on this CPU: then nothing but the debugger interrupts a section. */
void stay_here() {
  const int cpu = sched_getcpu();
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<size_t>(cpu), &only);
  sched_setaffinity(0, sizeof(only), &only);
}

void print(const rseq::Region& region, bool registered) {
  printf("{ \"registered\": %s, \"value\": %" PRId64 ", \"shards\": [", registered ? "true" : "false",
         rseq::counter_sum_i64(region, 0));
  for (uint32_t shard = 0; shard < region.shards; shard++)
    printf("%s%" PRId64, shard == 0 ? "" : ", ", *rseq::word_at<int64_t>(region, shard, 0));
  printf("], \"overflow\": %" PRId64 " }\n", *rseq::word_at<int64_t>(region, region.shards, 0));
}

} // namespace

/** Where to set a breakpoint. */
extern "C" __attribute__((noinline)) rseq::Status add(const rseq::Region& region, int64_t delta) {
  return rseq::counter_add(region, 0, delta);
}

int main() {
  stay_here();
  const bool registered = rseq::attach().owner != rseq::Owner::none;
  const rseq::RegionSpec spec = {rseq::Kind::counters,    rseq::Element::i64,    rseq::Index::cpu_id,
                                 rseq::Writers::sections, rseq::possible_cpus(), 1};
  const uint64_t size = rseq::region_size(spec.shards, spec.length);
  void* memory = calloc(1, size);
  rseq::Region region;
  if (memory == nullptr || rseq::format_region(memory, size, spec) != rseq::RegionError::none ||
      rseq::open_region(memory, size, spec.kind, region) != rseq::RegionError::none)
    return 1;
  const rseq::Status status = add(region, 5);
  print(region, registered);
  rseq::detach();
  free(memory);
  return status == rseq::Status::ok ? 0 : 1;
}

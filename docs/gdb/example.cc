// A program to try a debugger on: one addition to one counter, and then what each shard holds; one push on a stack and
// one pop, and where the value was in between.
//
//     g++ -std=c++17 -O2 -g -Inative docs/gdb/example.cc native/rseq/*.cc native/rseq/arch/*.S
//         native/percpu/*.cc -pthread -ldl -o example
//     gdb -x docs/gdb/rseq.py -ex 'break add' -ex run ./example
//     (gdb) rseq-stepi 100
#include "percpu/counter.h"
#include "percpu/stack.h"
#include "rseq/cpus.h"

#include <cinttypes>
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

/** A new region in memory of its own; without memory the program ends. */
void* make(rseq::Kind kind, rseq::Element element, uint32_t length, rseq::Region& region) {
  const rseq::RegionSpec spec = {kind,  element, rseq::Index::cpu_id, rseq::Writers::sections, rseq::possible_cpus(),
                                 length};
  const uint64_t size = rseq::region_size(spec.shards, spec.length);
  void* memory = calloc(1, size);
  if (memory == nullptr || rseq::format_region(memory, size, spec) != rseq::RegionError::none ||
      rseq::open_region(memory, size, spec.kind, region) != rseq::RegionError::none)
    exit(1);
  return memory;
}

void print(const rseq::Region& region, bool registered) {
  printf("{ \"registered\": %s, \"value\": %" PRId64 ", \"shards\": [", registered ? "true" : "false",
         rseq::counter_sum_i64(region, 0));
  for (uint32_t shard = 0; shard < region.shards; shard++)
    printf("%s%" PRId64, shard == 0 ? "" : ", ", *rseq::word_at<int64_t>(region, shard, 0));
  printf("], \"overflow\": %" PRId64 " }\n", *rseq::word_at<int64_t>(region, region.shards, 0));
}

/** How many values the stack of a shard has. */
uint32_t size_of(const rseq::Region& region, uint32_t shard) {
  uint32_t size = 0;
  rseq::stack_size(region, shard, size);
  return size;
}

/** How many values the stacks of all CPUs have. */
uint32_t on_cpus(const rseq::Region& region) {
  uint32_t sum = 0;
  for (uint32_t shard = 0; shard < region.shards; shard++)
    sum += size_of(region, shard);
  return sum;
}

} // namespace

// Where to set breakpoints.

extern "C" __attribute__((noinline)) rseq::Status add(const rseq::Region& region, int64_t delta) {
  return rseq::counter_add(region, 0, delta);
}

extern "C" __attribute__((noinline)) rseq::Status push(const rseq::Region& region, double value) {
  return rseq::stack_push(region, value);
}

extern "C" __attribute__((noinline)) rseq::Status pop(const rseq::Region& region, double& value) {
  return rseq::stack_pop(region, value);
}

int main() {
  stay_here();
  const bool registered = rseq::attach().owner != rseq::Owner::none;
  rseq::Region counter;
  rseq::Region stack;
  void* memory[] = {make(rseq::Kind::counters, rseq::Element::i64, 1, counter),
                    make(rseq::Kind::stack, rseq::Element::f64, rseq::kStackHead + kCapacity, stack)};

  const rseq::Status added = add(counter, 5);
  print(counter, registered);

  const rseq::Status pushed = push(stack, 1.5);
  const uint32_t in_between = on_cpus(stack);
  const uint32_t overflow = size_of(stack, stack.shards);
  double value = 0;
  const rseq::Status popped = pop(stack, value);
  printf("{ \"onCpus\": %u, \"overflow\": %u, \"popped\": %g, \"left\": %u }\n", in_between, overflow, value,
         on_cpus(stack));

  rseq::detach();
  for (void* block : memory)
    free(block);
  const bool good = added == rseq::Status::ok && pushed == rseq::Status::ok && popped == rseq::Status::ok;
  return good ? 0 : 1;
}

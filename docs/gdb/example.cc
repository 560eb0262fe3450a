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
void* make(percpu::Kind kind, percpu::Element element, uint32_t length, percpu::Region& region) {
  const percpu::RegionSpec spec = {
      kind, element, percpu::Index::cpu_id, percpu::Writers::sections, percpu::possible_cpus(), length};
  const uint64_t size = percpu::region_size(spec.shards, spec.length);
  void* memory = calloc(1, size);
  if (memory == nullptr || percpu::format_region(memory, size, spec) != percpu::RegionError::none ||
      percpu::open_region(memory, size, spec.kind, region) != percpu::RegionError::none)
    exit(1);
  return memory;
}

void print(const percpu::Region& region, bool registered) {
  printf("{ \"registered\": %s, \"value\": %" PRId64 ", \"shards\": [", registered ? "true" : "false",
         percpu::counter_sum_i64(region, 0));
  for (uint32_t shard = 0; shard < region.shards; shard++)
    printf("%s%" PRId64, shard == 0 ? "" : ", ", *percpu::word_at<int64_t>(region, shard, 0));
  printf("], \"overflow\": %" PRId64 " }\n", *percpu::word_at<int64_t>(region, region.shards, 0));
}

/** How many values the stack of a shard has. */
uint32_t size_of(const percpu::Region& region, uint32_t shard) {
  uint32_t size = 0;
  percpu::stack_size(region, shard, size);
  return size;
}

/** How many values the stacks of all CPUs have. */
uint32_t on_cpus(const percpu::Region& region) {
  uint32_t sum = 0;
  for (uint32_t shard = 0; shard < region.shards; shard++)
    sum += size_of(region, shard);
  return sum;
}

} // namespace

// Where to set breakpoints.

extern "C" __attribute__((noinline)) percpu::Status add(const percpu::Region& region, int64_t delta) {
  return percpu::counter_add(region, 0, delta);
}

extern "C" __attribute__((noinline)) percpu::Status push(const percpu::Region& region, double value) {
  return percpu::stack_push(region, value);
}

extern "C" __attribute__((noinline)) percpu::Status pop(const percpu::Region& region, double& value) {
  return percpu::stack_pop(region, value);
}

int main() {
  stay_here();
  const bool registered = percpu::attach().owner != percpu::Owner::none;
  percpu::Region counter;
  percpu::Region stack;
  void* memory[] = {make(percpu::Kind::counters, percpu::Element::i64, 1, counter),
                    make(percpu::Kind::stack, percpu::Element::f64, percpu::kStackHead + kCapacity, stack)};

  const percpu::Status added = add(counter, 5);
  print(counter, registered);

  const percpu::Status pushed = push(stack, 1.5);
  const uint32_t in_between = on_cpus(stack);
  const uint32_t overflow = size_of(stack, stack.shards);
  double value = 0;
  const percpu::Status popped = pop(stack, value);
  printf("{ \"onCpus\": %u, \"overflow\": %u, \"popped\": %g, \"left\": %u }\n", in_between, overflow, value,
         on_cpus(stack));

  percpu::detach();
  for (void* block : memory)
    free(block);
  const bool good = added == percpu::Status::ok && pushed == percpu::Status::ok && popped == percpu::Status::ok;
  return good ? 0 : 1;
}

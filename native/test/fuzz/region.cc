/**
 * @file
 * A coverage-guided fuzzer (libFuzzer) over regions of arbitrary bytes: opens them as the kind
 * that their header names, runs every operation with arbitrary arguments, and overwrites bytes in between. Every
 * operation must return a refusal or a number, without an access outside the region (AddressSanitizer), undefined
 * behaviour (UndefinedBehaviorSanitizer) or a hang (its time-out).
 *
 * A build with -DBROKEN has a mistake that the fuzzer must find.
 *
 * Input: a script of operations, 12 bytes each, up to a byte count that the first two bytes give;
 * what follows is the region.
 */
#include "../../percpu/region.h"
#include "../../percpu/counter.h"
#include "../../percpu/cpu_lock.h"
#include "../../percpu/list.h"
#include "../../percpu/mutex.h"
#include "../../percpu/pool.h"
#include "../../percpu/ring.h"
#include "../../percpu/stack.h"
#include "../../rseq/cpus.h"
#include "../../rseq/thread.h"
#include "step.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

using namespace percpu;
using fuzz::Step;

constexpr size_t kStepBytes = 12;
constexpr uint32_t kBatch = 8;

Step step_at(const uint8_t* script) {
  Step step;
  step.operation = script[0];
  step.small = script[1];
  memcpy(&step.element, script + 2, sizeof(step.element));
  memcpy(&step.value, script + 4, sizeof(step.value));
  return step;
}

double as_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/** A region's memory: exactly as long as the input says, so that a byte too far is seen. */
class Memory {
public:
  Memory(const uint8_t* bytes, size_t size) : size(size) {
    // aligned_alloc would round the size up, and hide the byte too far.
    if (posix_memalign(&memory, 16, size != 0 ? size : 1) != 0)
      abort();
    if (size != 0)
      memcpy(memory, bytes, size);
  }
  ~Memory() { free(memory); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void* data() const { return memory; }
  size_t length() const { return size; }

  void scribble(size_t at, uint8_t byte) {
    if (size != 0)
      static_cast<uint8_t*>(memory)[at % size] = byte;
  }

private:
  void* memory = nullptr;
  size_t size;
};

void add_many(const Region& region, const Step& step) {
  BatchEntry entries[kBatch];
  double wide[kBatch];
  for (uint32_t k = 0; k < kBatch; k++) {
    const bool is_wide = (step.small >> k & 1) != 0;
    entries[k] = {(step.element + k) | (is_wide ? kWideDelta : 0), static_cast<int32_t>(step.value)};
    wide[k] = as_double(step.value);
  }
  counter_add_many(region, entries, wide, step.small % (kBatch + 1));
}

void add_sums(const Region& region, const Step& step) {
  int32_t sums[2 * kSumsAtOnce] = {};
  const uint32_t count = std::min(region.length, uint32_t{step.small} % (2 * kSumsAtOnce + 1));
  for (uint32_t k = 0; k < count; k++)
    sums[k] = static_cast<int32_t>(step.value >> k);
  counter_add_sums(region, sums, count);
}

/** The operations on stacks; `element` is a shard where one is asked for. */
void run_stack_step(const Region& region, const Step& step) {
  double values[kBatch] = {as_double(step.value), 1, 2};
  uint32_t count = step.small % (kBatch + 1);
  switch (step.operation / 9 % 2 * 4 + step.operation % 9 % 4) {
  case 0:
    stack_push(region, values[0]);
    break;
  case 1:
    stack_pop(region, values[0]);
    break;
  case 2:
    stack_push_many(region, values, count);
    break;
  case 3:
    stack_pop_many(region, values, count);
    break;
  case 4:
    if (step.element <= region.shards)
      stack_size(region, step.element, count);
    break;
  case 5:
    if (stack_stop(region, step.element) == Status::ok) {
      stack_push_owned(region, step.element, values, count);
      stack_resume(region, step.element);
    }
    break;
  case 6:
    if (stack_stop(region, step.element) == Status::ok) {
      stack_pop_owned(region, step.element, values, count);
      stack_resume(region, step.element);
    }
    break;
  case 7:
    stack_push_owned(region, step.element, values, count);
    stack_pop_owned(region, step.element, values, count);
    stack_resume(region, step.element);
    break;
  }
}

/** The operations on lists; `element` is a shard or a node. */
void run_list_step(const Region& region, const Step& step) {
  double nodes[kBatch] = {static_cast<double>(step.small), 1, 2};
  uint32_t number = step.element;
  uint32_t count = step.small % (kBatch + 1);
  switch (step.operation % 9) {
  case 0:
    list_push(region, number);
    break;
  case 1:
    list_pop(region, number);
    break;
  case 2:
    list_size(region, step.element, count);
    break;
  case 3:
  case 4:
    if (list_stop(region, step.element) == Status::ok) {
      (step.operation % 9 == 3 ? list_pop_owned(region, step.element, nodes, count)
                               : list_push_owned(region, step.element, nodes, count));
      list_resume(region, step.element);
    }
    break;
  case 5:
    list_pop_owned(region, step.element, nodes, count);
    list_resume(region, step.element);
    break;
  }
}

/** The operations on pools; `element` is a shard or a block. */
void run_pool_step(const Region& region, const Step& step) {
  uint32_t number = step.element;
  switch (step.operation % 9) {
  case 0:
  case 1:
    if (pool_alloc(region, number) == Status::ok) {
      unit_at(region, number)[step.value % region.unit_size] = step.small;
      if (step.small % 2 == 0)
        pool_free(region, number);
    }
    break;
  case 2:
    pool_free(region, number);
    break;
  case 3:
    pool_flush(region, step.element, number);
    break;
  case 4:
    if (step.element <= region.shards)
      stack_size(region, step.element, number);
    break;
  case 5:
    run_stack_step(region, step);
    break;
  }
}

/** Opens the region as the kind that its header names. */
RegionError open_as_claimed(const Memory& memory, Region& region) {
  uint32_t kind = 0;
  if (memory.length() >= sizeof(Header))
    memcpy(&kind, static_cast<unsigned char*>(memory.data()) + offsetof(Header, kind), sizeof(kind));
  const auto claimed = static_cast<Kind>(kind);
  const bool is_other =
      claimed == Kind::stack || claimed == Kind::list || claimed == Kind::pool || claimed == Kind::array;
  return open_region(memory.data(), memory.length(), is_other ? claimed : Kind::counters, region);
}

void run_step(Memory& memory, Region& region, const Step& step) {
  if (region.kind == Kind::stack && step.operation % 9 < 6)
    return run_stack_step(region, step);
  if (region.kind == Kind::list && step.operation % 9 < 6)
    return run_list_step(region, step);
  if (region.kind == Kind::pool && step.operation % 9 < 6)
    return run_pool_step(region, step);
  if (region.kind == Kind::array && step.operation % 9 < 6)
    return fuzz::run_array_step(region, step);

  const uint32_t i = step.element;
  int64_t whole;
  double held;
  switch (step.operation % 9) {
  case 0:
    if (region.element == Element::i64)
      counter_add(region, i, static_cast<int64_t>(step.value));
    else
      counter_add(region, i, as_double(step.value));
    break;
  case 1:
    if (i < region.length)
      counter_sum_i64(region, i);
    break;
  case 2:
    if (i < region.length)
      counter_sum_f64(region, i);
    break;
  case 3:
    if (i < region.length)
      counter_reset_i64(region, i, whole);
    break;
  case 4:
    if (i < region.length)
      counter_reset_f64(region, i, held);
    break;
  case 5:
    if (step.element % 2 == 0)
      add_many(region, step);
    else
      add_sums(region, step);
    break;
  case 6:
    memory.scribble(step.value, step.small);
#ifdef BROKEN
    // The mistake that the fuzzer must find: a second read of the header after the check.
    memcpy(&region.length, static_cast<unsigned char*>(memory.data()) + offsetof(Header, length), sizeof(uint32_t));
#endif
    break;
  case 7:
    open_as_claimed(memory, region);
    break;
  case 8:
    to_safe_integer(as_double(step.value), whole);
    parse_possible(reinterpret_cast<const char*>(memory.data()), memory.length() % 64);
    break;
  }
}

/** Runs a script on the calling thread's seat at a mutex, whose words may be anything. */
void run_mutex(Memory& memory, const Region& region, const uint8_t* script, size_t scripted) {
  MutexSeat seat;
  if (mutex_open(region, seat) != RegionError::none)
    return;
  for (size_t at = 0; at + kStepBytes <= scripted; at += kStepBytes) {
    const Step step = step_at(script + at);
    switch (step.operation % 6) {
    case 0:
      mutex_try_lock(seat);
      break;
    case 1:
      mutex_unlock(seat);
      break;
    case 2:
      mutex_wait(seat, step.small % 2);
      break;
    case 3:
      mutex_announce_js(seat);
      break;
    case 4:
      mutex_close(seat);
      break;
    case 5:
      memory.scribble(step.value, step.small);
      break;
    }
  }
  mutex_close(seat);
}

/** Runs a script on the calling thread's seat at locks of CPUs, whose words may be anything. */
void run_cpu_lock(Memory& memory, const Region& region, const uint8_t* script, size_t scripted) {
  CpuLockSeat seat;
  if (cpu_lock_open(region, seat) != RegionError::none)
    return;
  uint32_t shard = 0;
  for (size_t at = 0; at + kStepBytes <= scripted; at += kStepBytes) {
    const Step step = step_at(script + at);
    switch (step.operation % 5) {
    case 0:
      cpu_lock_try(seat, shard);
      break;
    case 1:
      cpu_lock_unlock(seat, shard);
      break;
    case 2:
      cpu_lock_unlock(seat, step.small % 2 == 0 ? step.element : static_cast<uint32_t>(step.value));
      break;
    case 3:
      cpu_lock_wait(seat, step.small % 2, shard);
      break;
    case 4:
      memory.scribble(step.value, step.small);
      break;
    }
  }
  cpu_lock_close(seat);
}

/** Runs a script on the calling thread's seat at a ring: writes, reads and copies records. */
void run_ring(Memory& memory, const Region& region, const uint8_t* script, size_t scripted) {
  alignas(8) unsigned char scratch[scratch_size(kLongestRecord)];
  memset(scratch, 0x5a, sizeof(scratch));
  RingSeat seat;
  if (ring_open(region, scratch, sizeof(scratch), seat) != RegionError::none)
    return;
  // Times are taken in both ways.
  ring_use_own_time(seat, scripted % 2 != 0);
  // Of exactly the size that is asked for, again.
  const uint32_t room = ring_capacity(seat) + kReadFrame + kLongestRecord;
  auto* into = static_cast<unsigned char*>(malloc(room));
  uint32_t bytes = 0;
  for (size_t at = 0; at + kStepBytes <= scripted; at += kStepBytes) {
    const Step step = step_at(script + at);
    const uint32_t shard = step.element <= region.shards ? step.element : region.shards;
    switch (step.operation % 8) {
    case 0:
      ring_write(seat, step.small % (seat.longest + 2));
      break;
    case 1:
      ring_unread(seat, shard, bytes);
      ring_dropped(seat, shard);
      break;
    case 2:
      if (ring_claim(seat) == Status::ok) {
        ring_read(seat, step.element, into, room, bytes);
        ring_free(seat, step.element, step.small % 2 == 0 ? bytes : static_cast<uint32_t>(step.value));
        ring_release(seat);
      }
      break;
    case 3:
      ring_read(seat, step.element, into, room, bytes);
      ring_free(seat, step.element, step.small);
      ring_release(seat);
      break;
    case 4:
      ring_snapshot(seat, step.element, into, room, bytes);
      break;
    case 5:
      memory.scribble(step.value, step.small);
      break;
    case 6:
      ring_write(seat, static_cast<uint32_t>(step.value));
      break;
    case 7:
      ring_write(seat, step.small % (seat.longest + 1), Wholeness::truncated);
      ring_drop(seat);
      break;
    }
  }
  free(into);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attach();
  if (size < 2)
    return 0;
  const size_t script_bytes = (data[0] | static_cast<size_t>(data[1]) << 8) % size;
  const uint8_t* script = data + 2;
  const size_t rest = size - 2;
  const size_t scripted = script_bytes < rest ? script_bytes : rest;
  Memory memory(script + scripted, rest - scripted);
  Region region = {};
  if (open_region(memory.data(), memory.length(), Kind::mutex, region) == RegionError::none)
    run_mutex(memory, region, script, scripted);
  if (open_region(memory.data(), memory.length(), Kind::cpu_lock, region) == RegionError::none)
    run_cpu_lock(memory, region, script, scripted);
  if (open_region(memory.data(), memory.length(), Kind::ring, region) == RegionError::none)
    run_ring(memory, region, script, scripted);
  if (open_as_claimed(memory, region) != RegionError::none)
    return 0;
  for (size_t at = 0; at + kStepBytes <= scripted; at += kStepBytes)
    run_step(memory, region, step_at(script + at));
  return 0;
}

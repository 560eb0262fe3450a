// A lock for each CPU, around a count that nothing else protects.
#include "structure.h"

#include <mutex>
#include <sched.h>

namespace percpu::stress {
namespace {

class Lock : public Structure {
public:
  Lock(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    if (Shard* shard = acquire(worker)) {
      count_up(shard->value);
      __atomic_store_n(&shard->holder, 0, __ATOMIC_RELEASE);
    } else {
      const std::lock_guard<std::mutex> held(overflow_lock);
      overflow++;
    }
  }

  std::string check(const Counts& total) override {
    uint64_t sum = overflow;
    for (const Shard& shard : shards)
      sum += shard.value;
    return compare("counted under locks", sum, total.steps);
  }

private:
  struct alignas(kShardAlignment) Shard {
    int64_t holder = 0;
    uint64_t value = 0;
  };
  static constexpr uint64_t kStepsPerYield = 64;
  /** Then it is the overflow shard's turn as well: the holder may wait for a CPU longer than one likes. */
  static constexpr uint32_t kBusyTries = 1000;

  /** The shard whose lock this thread has now, or null for the overflow shard. */
  Shard* acquire(Worker& worker) {
    for (uint32_t tries = 0; tries < kBusyTries; tries++) {
      Shard* shard = nullptr;
      bool busy = false;
      const bool done = worker.try_here([&](const Here& here) {
        shard = &shards[here.index];
        const Outcome outcome = load_cbne_store(here, &shard->holder, 0, worker.number + 1);
        busy = outcome == Outcome::compare_failed;
        return busy ? Outcome::done : outcome;
      });
      if (!done)
        return nullptr;
      if (!busy) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE); // The last holder may have moved, and released from another CPU.
        return shard;
      }
      sched_yield();
    }
    return nullptr;
  }

  /** A plain addition with time in between, that two threads at once would spoil. */
  static void count_up(uint64_t& value) {
    const uint64_t now = read(value);
    if (now % kStepsPerYield == 0)
      sched_yield(); // So that others find the lock taken.
    __atomic_store_n(&value, now + 1, __ATOMIC_RELAXED);
  }

  std::vector<Shard> shards;
  std::mutex overflow_lock;
  uint64_t overflow = 0;
};

const Rows rows({{"lock", "load_cbne_store: a lock for each CPU", make<Lock>, true}});

} // namespace
} // namespace percpu::stress

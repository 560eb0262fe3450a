// A remote stop: one thread stops a CPU's sections, and changes its word from wherever it is.
#include "../../rseq/membarrier.h"
#include "structure.h"

#include <atomic>
#include <sched.h>
#include <stdexcept>

namespace percpu::stress {
namespace {

class Remote : public Structure {
public:
  Remote(uint32_t count, const Options&) : shards(count) {
    using namespace membarrier;
    if ((supported() & private_expedited_rseq) == 0 ||
        syscall(SYS_membarrier, register_private_expedited_rseq, 0, 0) != 0)
      throw std::runtime_error("the kernel's membarrier has no fence for sections");
  }

  void step(Worker& worker) override {
    if (worker.number == 0 && worker.counts.steps % kStepsPerStop == 0) {
      add_from_elsewhere(shards[worker.counts.steps / kStepsPerStop % shards.size()]);
      return;
    }
    const bool done = worker.try_here([this](const Here& here) {
      Shard& shard = shards[here.index];
      const int64_t value = read(shard.value);
      const Outcome outcome = load_cbne_load_cbne_store(here, &shard.value, value, &shard.stopped, 0, value + 1);
      if (outcome == Outcome::compare_failed)
        sched_yield();
      return outcome;
    });
    if (!done)
      overflow++;
  }

  std::string check(const Counts& total) override {
    uint64_t sum = overflow;
    for (const Shard& shard : shards)
      sum += static_cast<uint64_t>(shard.value);
    return compare("counted", sum, total.steps);
  }

private:
  struct alignas(kShardAlignment) Shard {
    int64_t value = 0;
    int64_t stopped = 0;
  };
  static constexpr uint64_t kStepsPerStop = 16;
  static constexpr uint64_t kStopLoops = 500;

  /**
   * The section looks at the stop word after the value, so two fences are needed: the first ends the
   * sections that saw no stop, the second those that loaded the value before it was changed here, and would
   * find the stop word cleared.
   */
  void add_from_elsewhere(Shard& shard) {
    __atomic_store_n(&shard.stopped, 1, __ATOMIC_SEQ_CST);
    fence();
    const int64_t value = read(shard.value);
    Worker::wait(kStopLoops);
    __atomic_store_n(&shard.value, value + 1, __ATOMIC_RELAXED);
    fence();
    __atomic_store_n(&shard.stopped, 0, __ATOMIC_RELEASE);
  }

  /** Of all CPUs: a concurrency id cannot be named. */
  static void fence() {
    if (syscall(SYS_membarrier, membarrier::private_expedited_rseq, 0, 0) != 0)
      throw std::runtime_error("the kernel refused a fence");
  }

  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

const Rows rows({{"remote", "load_cbne_load_cbne_store with a stop word, and fences", make<Remote>, true}});

} // namespace
} // namespace percpu::stress

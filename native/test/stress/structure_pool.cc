// A pool that threads take blocks out of and give back to, while one of them empties CPU after CPU into the central
// store. Caches are small, and there is about one block for each thread: so numbers are moved all the time, and fetched
// from other CPUs.
#include "../../percpu/pool.h"
#include "tokens.h"

#include <atomic>
#include <stdexcept>

namespace percpu::stress {
namespace {

constexpr uint64_t kStepsPerFlush = 64;
constexpr uint32_t kCache = 4;
/** Taken at once by a thread, so that caches run empty and full. */
constexpr uint32_t kMostHeld = 6;

class Blocks : public Structure {
public:
  Blocks(uint32_t count, const Options& options)
      : shards(count), tokens(static_cast<size_t>(kMostHeld) * count), spec{Kind::pool,
                                                                            Element::f64,
                                                                            options.index,
                                                                            Writers::sections,
                                                                            count,
                                                                            kStackHead + kCache,
                                                                            Policy::none,
                                                                            blocks(),
                                                                            8,
                                                                            true},
        memory(region_size(spec) / sizeof(uint64_t) + 1) {
    format_region(memory.data(), memory.size() * sizeof(uint64_t), spec);
    open_region(memory.data(), memory.size() * sizeof(uint64_t), Kind::pool, region);
    std::vector<double> numbers;
    for (uint32_t block = 0; block < blocks(); block++)
      numbers.push_back(block);
    uint32_t given = blocks();
    if (stack_stop(region, shards) != Status::ok ||
        stack_push_owned(region, shards, numbers.data(), given) != Status::ok ||
        stack_resume(region, shards) != Status::ok)
      throw std::runtime_error("the pool took no blocks");
  }

  void step(Worker& worker) override {
    if (worker.number == 0 && worker.counts.steps % kStepsPerFlush == 0)
      return flush(static_cast<uint32_t>(worker.counts.steps / kStepsPerFlush % shards));
    uint32_t held[kMostHeld];
    const auto wanted = static_cast<uint32_t>(1 + worker.counts.steps % kMostHeld);
    uint32_t count = 0;
    for (; count < wanted; count++) {
      worker.prepare();
      const Status status = pool_alloc(region, held[count]);
      if (status != Status::ok) {
        if (status != Status::empty)
          note(status);
        break;
      }
      tokens.use(worker, held[count] + 1);
    }
    while (count > 0) {
      worker.prepare();
      note(pool_free(region, held[--count]));
    }
  }

  std::string check(const Counts& total) override {
    if (refusal != 0)
      return "the pool answered " + std::to_string(refusal);
    std::vector<size_t> found;
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint32_t size = 0;
      if (stack_size(region, shard, size) != Status::ok)
        return "a count is " + std::to_string(*word_at<uint64_t>(region, shard, 0));
      for (uint32_t n = 0; n < size; n++) {
        const double block = *word_at<double>(region, shard, kStackHead + n);
        if (!is_unit(region, block))
          return "the pool holds what is no block";
        found.push_back(static_cast<size_t>(block) + 1);
      }
    }
    return tokens.check(found, total);
  }

private:
  uint32_t blocks() const { return static_cast<uint32_t>(tokens.count()); }

  /** To be told at the end: the control goes wrong in this way, too. */
  void note(Status status) {
    if (status != Status::ok)
      refusal = static_cast<uint32_t>(status);
  }

  void flush(uint32_t shard) {
    uint32_t moved = 0;
    note(pool_flush(region, shard, moved));
  }

  const uint32_t shards;
  Tokens tokens;
  const RegionSpec spec;
  std::vector<uint64_t> memory;
  Region region = {};
  std::atomic<uint32_t> refusal{0};
};

const Rows rows({
    {"pool", "the library's pool_alloc() and pool_free(), checked, with CPUs that are flushed", make<Blocks>, false},
});

} // namespace
} // namespace percpu::stress

// Counters: whole numbers, doubles, behind a table, and the library's own.
#include "../../percpu/counter.h"
#include "structure.h"

#include <algorithm>
#include <atomic>
#include <iterator>

namespace percpu::stress {
namespace {

class Counter : public Structure {
public:
  Counter(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    if (!worker.try_here([this](const Here& here) { return load_add_store(here, &shards[here.index].value, 1); }))
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
  };
  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

class Double : public Structure {
public:
  Double(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    if (!worker.try_here([this](const Here& here) { return load_add_store_f64(here, &shards[here.index].value, 0.5); }))
      overflow++;
  }

  std::string check(const Counts& total) override {
    double sum = 0; // Exact: halves, and far fewer than 2^52.
    for (const Shard& shard : shards)
      sum += shard.value;
    return compare("counted", overflow + static_cast<uint64_t>(2 * sum), total.steps);
  }

private:
  struct alignas(kShardAlignment) Shard {
    double value = 0;
  };
  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

class Table : public Structure {
public:
  Table(uint32_t count, const Options&) : shards(count) {
    for (Shard& shard : shards) {
      shard.entries[1] = reinterpret_cast<intptr_t>(&shard.value);
      shard.table = reinterpret_cast<intptr_t>(shard.entries);
    }
  }

  void step(Worker& worker) override {
    const bool done = worker.try_here([this](const Here& here) {
      return load_add_load_load_add_store(here, &shards[here.index].table, sizeof(intptr_t), 1);
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
    intptr_t entries[2] = {};
    intptr_t table = 0;
  };
  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

/** Rows of sections: each step makes some additions to two words of the shard, and goes on where a row was left. */
class Each : public Structure {
public:
  Each(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    static constexpr Addition kRow[] = {{0, 1}, {1, 1}, {0, 1}, {1, 1}};
    const Addition* next = std::begin(kRow);
    const bool done = worker.try_here([&](const Here& here) {
      next = load_add_store_each(here, shards[here.index].words, kWords, next, std::end(kRow));
      // A row does not say why it was left: aborted, or at another place.
      return next == std::end(kRow) ? Outcome::done : Outcome::aborted;
    });
    if (!done)
      overflow += static_cast<uint64_t>(std::end(kRow) - next);
  }

  std::string check(const Counts& total) override {
    uint64_t sum = overflow;
    for (const Shard& shard : shards)
      sum += static_cast<uint64_t>(shard.words[0] + shard.words[1]);
    return compare("counted", sum, 4 * total.steps);
  }

private:
  static constexpr uint32_t kWords = 2;
  struct alignas(kShardAlignment) Shard {
    int64_t words[kWords] = {};
  };
  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

/** Spans: each step adds to all words of the shard, two at a time where the CPU can, and goes on where it was left. */
template <auto section> class Span : public Structure {
public:
  Span(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    int32_t sums[kWords];
    std::fill_n(sums, kWords, 1);
    uint32_t next = 0;
    const bool done = worker.try_here([&](const Here& here) {
      next = section(here, shards[here.index].words, sums, next, kWords);
      // A row does not say why it was left.
      return next == kWords ? Outcome::done : Outcome::aborted;
    });
    if (!done)
      overflow += static_cast<uint64_t>(std::count(sums, sums + kWords, 1));
  }

  std::string check(const Counts& total) override {
    uint64_t sum = overflow;
    for (const Shard& shard : shards)
      for (const int64_t word : shard.words)
        sum += static_cast<uint64_t>(word);
    return compare("counted", sum, kWords * total.steps);
  }

private:
  static constexpr uint32_t kWords = kSpanWords;
  struct alignas(kShardAlignment) Shard {
    int64_t words[kWords] = {};
  };
  std::vector<Shard> shards;
  std::atomic<uint64_t> overflow{0};
};

/** counter_add() of native/percpu, while others reset the counter. */
class RegionCounter : public Structure {
public:
  RegionCounter(uint32_t count, const Options& options) : memory(region_size(count, kCounters) / kWord + 1) {
    const RegionSpec spec = {Kind::counters, Element::i64, options.index, Writers::sections, count, kCounters};
    format_region(memory.data(), memory.size() * kWord, spec);
    open_region(memory.data(), memory.size() * kWord, Kind::counters, region);
  }

  void step(Worker& worker) override {
    worker.prepare();
    counter_add(region, kCounter, int64_t{1});
    if (worker.counts.steps % kStepsPerReset == 0)
      collect();
  }

  std::string check(const Counts& total) override {
    collect();
    return compare("counted", collected, total.steps);
  }

private:
  static constexpr uint32_t kCounters = 3;
  static constexpr uint32_t kCounter = 1;
  static constexpr size_t kWord = sizeof(uint64_t);
  static constexpr uint64_t kStepsPerReset = 1000;

  void collect() {
    int64_t held = 0;
    if (counter_reset_i64(region, kCounter, held) == Status::ok)
      collected += static_cast<uint64_t>(held);
  }

  std::vector<uint64_t> memory;
  Region region = {};
  std::atomic<uint64_t> collected{0};
};

const Rows rows({
    {"counter", "load_add_store", make<Counter>, true},
    {"each", "load_add_store_each", make<Each>, true},
    {"span", "load_add_store_span", make<Span<load_add_store_span>>, true},
    {"widest-span", "add_span(), by the widest section that the CPU has", make<Span<add_span>>, true},
    {"double", "load_add_store_f64", make<Double>, true},
    {"table", "load_add_load_load_add_store", make<Table>, true},
    {"region", "the library's counter_add(), while others reset it", make<RegionCounter>, false},
});

} // namespace
} // namespace percpu::stress

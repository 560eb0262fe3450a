// Arrays of words that threads change, while one of them stops CPU after CPU and moves values itself: the sections by
// themselves, and the library's.
#include "../../percpu/opv.h"
#include "structure.h"

#include <atomic>
#include <stdexcept>

namespace percpu::stress {
namespace {

constexpr uint64_t kStepsPerStop = 16;
constexpr uint32_t kLength = 3;
/** Words that count steps: the first by additions, the second by a loop of compare and exchange. */
constexpr uint32_t kAdded = 0;
constexpr uint32_t kExchanged = 1;

class Words : public Structure {
public:
  Words(uint32_t count, const Options& options)
      : shards(count), memory(region_size(count, kArrayHead + kLength) / kWord + 1) {
    const RegionSpec spec = {Kind::array, Element::i64, options.index, Writers::sections, count, kArrayHead + kLength};
    format_region(memory.data(), memory.size() * kWord, spec);
    open_region(memory.data(), memory.size() * kWord, Kind::array, region);
  }

  std::string check(const Counts& total) override {
    std::string wrong = compare("added", sum(kAdded) + aside[kAdded], total.steps - moved);
    return wrong.empty() ? compare("exchanged", sum(kExchanged) + aside[kExchanged], total.steps - moved) : wrong;
  }

protected:
  /** Takes all of a CPU's first word to the next CPU; by the first worker, every few steps. */
  bool moves(Worker& worker) {
    if (worker.number != 0 || worker.counts.steps % kStepsPerStop != 0)
      return false;
    const auto from = static_cast<uint32_t>(worker.counts.steps / kStepsPerStop % shards);
    int64_t taken = 0;
    expect(array_stop(region, from));
    expect(array_act_on(region, from, kAdded, {Act::exchange, 0, 0}, taken));
    expect(array_resume(region, from));
    const OpvOperation give = {static_cast<uint32_t>(OpvKind::add), kAdded, 0, 0, taken};
    uint32_t position = 0;
    expect(cpu_opv(region, (from + 1) % shards, &give, 1, position));
    moved++;
    return true;
  }

  Region region = {};
  std::atomic<uint64_t> aside[2] = {};

private:
  static constexpr size_t kWord = sizeof(uint64_t);

  static void expect(Status status) {
    if (status != Status::ok)
      throw std::runtime_error("an owner's operation was refused");
  }

  uint64_t sum(uint32_t i) const {
    uint64_t total = 0;
    for (uint32_t shard = 0; shard <= shards; shard++)
      total += static_cast<uint64_t>(read(*word_at<int64_t>(region, shard, kArrayHead + i)));
    return total;
  }

  const uint32_t shards;
  std::vector<uint64_t> memory;
  std::atomic<uint64_t> moved{0};
};

/** The sections by themselves. What they find stopped, or cannot do, is counted aside. */
class BySections : public Words {
public:
  using Words::Words;

  void step(Worker& worker) override {
    if (moves(worker))
      return;
    if (!worker.try_here([&](const Here& here) { return act(here, kAdded, {Act::add, 1, 0}).outcome; }))
      aside[kAdded]++;
    const bool exchanged = worker.try_here([&](const Here& here) {
      const int64_t before = read(*word_at<int64_t>(region, here.index, kArrayHead + kExchanged));
      const TakenWord taken = act(here, kExchanged, {Act::compare_exchange, before + 1, before});
      return taken.outcome == Outcome::done && taken.word != before ? Outcome::compare_failed : taken.outcome;
    });
    if (!exchanged)
      aside[kExchanged]++;
  }

private:
  TakenWord act(const Here& here, uint32_t i, const WordAct& what) {
    int64_t* words = word_at<int64_t>(region, here.index, 0);
    int64_t unused = 0;
    return array_section(Element::i64, here, words + kArrayHead + i, words, what, &unused);
  }
};

/** array_act(). */
class ByLibrary : public Words {
public:
  using Words::Words;

  void step(Worker& worker) override {
    if (moves(worker))
      return;
    worker.prepare();
    ActAnswer answer = {};
    array_act(region, kAdded, {Act::add, 1, 0}, answer); // Should it be refused, it is missing in the end.
    for (uint32_t attempt = 0; attempt < kMostAttempts; attempt++) {
      worker.prepare();
      array_act(region, kExchanged, {Act::load, 0, 0}, answer);
      const int64_t before = answer.before;
      worker.prepare();
      array_act(region, kExchanged, {Act::compare_exchange, before + 1, before}, answer);
      if (answer.before == before)
        return;
    }
    aside[kExchanged]++;
  }

private:
  static constexpr uint32_t kMostAttempts = 1000;
};

const Rows rows({
    {"words", "load_cbne_load_add_store and load_cbne_load_cbne_store_taken, with owners of stopped CPUs",
     make<BySections>, true},
    {"array", "the library's array_act(), with owners of stopped CPUs", make<ByLibrary>, false},
});

} // namespace
} // namespace percpu::stress

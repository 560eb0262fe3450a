// Lists of numbered nodes that threads pop from and push to, while one of them stops CPU after CPU and moves nodes
// itself.
#include "../../percpu/list.h"
#include "tokens.h"

#include <atomic>

namespace percpu::stress {
namespace {

constexpr uint64_t kStepsPerStop = 16;

/** A node's token is its number and 1. */
class Nodes : public Structure {
public:
  Nodes(uint32_t count, const Options& options)
      : shards(count), tokens(count * kTokensPerShard), spec{Kind::list,        Element::i64, options.index,
                                                             Writers::sections, count,        kListLength,
                                                             Policy::none,      nodes(),      8},
        memory(region_size(spec) / sizeof(uint64_t) + 1) {
    format_region(memory.data(), memory.size() * sizeof(uint64_t), spec);
    open_region(memory.data(), memory.size() * sizeof(uint64_t), Kind::list, region);
    for (uint32_t node = 0; node < nodes(); node++)
      push_owned(node % count, node);
  }

  void step(Worker& worker) override {
    uint32_t node = 0;
    if (worker.number == 0 && worker.counts.steps % kStepsPerStop == 0) {
      const auto from = static_cast<uint32_t>(worker.counts.steps / kStepsPerStop % shards);
      if (pop_owned(from, node)) {
        tokens.use(worker, node + 1);
        push_owned((from + 1) % shards, node);
      }
      return;
    }
    worker.prepare();
    const Status status = list_pop(region, node);
    if (status == Status::empty)
      return;
    note(status);
    if (status != Status::ok)
      return;
    tokens.use(worker, node + 1);
    worker.prepare();
    note(list_push(region, node));
  }

  std::string check(const Counts& total) override {
    if (refusal != 0)
      return "a list answered " + std::to_string(refusal);
    std::vector<size_t> found;
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint64_t link = *word_at<uint64_t>(region, shard, 0);
      for (; link != 0; link = static_cast<uint64_t>(list_links(region)[link - 1])) {
        if (link > nodes() || found.size() > nodes())
          return "a list leads nowhere";
        found.push_back(link);
      }
    }
    return tokens.check(found, total);
  }

private:
  uint32_t nodes() const { return static_cast<uint32_t>(tokens.count()); }

  /** To be told at the end: the control goes wrong in this way, too. */
  void note(Status status) {
    if (status != Status::ok)
      refusal = static_cast<uint32_t>(status);
  }

  void push_owned(uint32_t shard, double node) {
    uint32_t count = 1;
    note(list_stop(region, shard));
    note(list_push_owned(region, shard, &node, count));
    note(list_resume(region, shard));
  }

  bool pop_owned(uint32_t shard, uint32_t& node) {
    double number = 0;
    uint32_t count = 1;
    note(list_stop(region, shard));
    note(list_pop_owned(region, shard, &number, count));
    note(list_resume(region, shard));
    node = static_cast<uint32_t>(number);
    return count == 1;
  }

  const uint32_t shards;
  Tokens tokens;
  const RegionSpec spec;
  std::vector<uint64_t> memory;
  Region region = {};
  std::atomic<uint32_t> refusal{0};
};

const Rows rows({
    {"nodes", "the library's list_push() and list_pop(), with owners of stopped CPUs", make<Nodes>, false},
});

} // namespace
} // namespace percpu::stress

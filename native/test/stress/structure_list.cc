// A list of nodes for each CPU: threads pop a node and push it, often on another CPU.
#include "tokens.h"

#include <cstddef>

namespace percpu::stress {
namespace {

class List : public Structure {
public:
  List(uint32_t count, const Options&) : shards(count), tokens(count * kTokensPerShard), nodes(tokens.count() + 1) {
    for (size_t token = 1; token <= tokens.count(); token++) {
      Shard& shard = shards[token % count];
      nodes[token].next = shard.head;
      shard.head = address(token);
    }
  }

  void step(Worker& worker) override {
    const size_t token = pop(worker);
    if (token == 0)
      return;
    tokens.use(worker, token);
    push(worker, token);
  }

  std::string check(const Counts& total) override {
    std::vector<size_t> found;
    for (const Shard& shard : shards) {
      // A broken list may have a loop.
      for (intptr_t at = shard.head; at != 0 && found.size() <= tokens.count();
           at = reinterpret_cast<const Node*>(at)->next)
        found.push_back(token_of(at));
    }
    return tokens.check(found, total);
  }

private:
  struct alignas(64) Node {
    intptr_t next = 0;
  };
  struct alignas(kShardAlignment) Shard {
    intptr_t head = 0;
  };

  intptr_t address(size_t token) { return reinterpret_cast<intptr_t>(&nodes[token]); }
  size_t token_of(intptr_t node) const {
    return static_cast<size_t>(reinterpret_cast<const Node*>(node) - nodes.data());
  }

  size_t pop(Worker& worker) {
    intptr_t popped = 0;
    const bool done = worker.try_here([&](const Here& here) {
      const Outcome outcome =
          load_cbeq_store_add_load_store(here, &shards[here.index].head, 0, offsetof(Node, next), &popped);
      if (outcome != Outcome::done)
        popped = 0; // It may have been written before an abort.
      return outcome == Outcome::compare_failed ? Outcome::done : outcome;
    });
    if (!done)
      return tokens.take_aside();
    return popped == 0 ? 0 : token_of(popped);
  }

  void push(Worker& worker, size_t token) {
    const bool done = worker.try_here([&](const Here& here) {
      intptr_t& head = shards[here.index].head;
      const intptr_t first = read(head);
      __atomic_store_n(&nodes[token].next, first, __ATOMIC_RELAXED);
      return load_cbne_store(here, &head, first, address(token));
    });
    if (!done)
      tokens.put_aside(token);
  }

  std::vector<Shard> shards;
  Tokens tokens;
  std::vector<Node> nodes;
};

const Rows
    rows({{"list", "load_cbne_store and load_cbeq_store_add_load_store: push and pop of nodes", make<List>, true}});

} // namespace
} // namespace percpu::stress

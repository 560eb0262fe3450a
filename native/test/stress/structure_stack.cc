// Stacks that threads pop from and push to, while one of them stops CPU after CPU and moves values itself: the sections
// by themselves, and the library's.
#include "../../percpu/remote.h"
#include "../../percpu/stack.h"
#include "tokens.h"

#include <stdexcept>

namespace percpu::stress {
namespace {

constexpr uint64_t kStepsPerStop = 16;

/** A region of stacks whose values are tokens. */
class Stacks : public Structure {
public:
  Stacks(uint32_t count, const Options& options)
      : shards(count), tokens(count * kTokensPerShard),
        memory(region_size(count, kStackHead + capacity()) / kWord + 1) {
    const RegionSpec spec = {Kind::stack,       Element::f64, options.index,
                             Writers::sections, count,        kStackHead + capacity()};
    format_region(memory.data(), memory.size() * kWord, spec);
    open_region(memory.data(), memory.size() * kWord, Kind::stack, region);
    for (uint32_t token = 1; token <= tokens.count(); token++) {
      push_owned(token % count, token);
    }
  }

  std::string check(const Counts& total) override {
    std::vector<size_t> found;
    for (uint32_t shard = 0; shard <= shards; shard++) {
      uint32_t size = 0;
      if (stack_size(region, shard, size) != Status::ok)
        return "a stack's count is " + std::to_string(*word_at<uint64_t>(region, shard, 0));
      for (uint32_t n = 0; n < size; n++) {
        const double value = *word_at<double>(region, shard, kStackHead + n);
        if (!(value >= 1 && value <= static_cast<double>(tokens.count())))
          return "a stack holds what nobody pushed";
        found.push_back(static_cast<size_t>(value));
      }
    }
    return tokens.check(found, total);
  }

protected:
  /** So that each has room for all. */
  uint32_t capacity() const { return static_cast<uint32_t>(tokens.count()); }

  /** Takes a token from one CPU, and gives it to the next; by the first worker, every few steps. */
  bool moves(Worker& worker) {
    if (worker.number != 0 || worker.counts.steps % kStepsPerStop != 0)
      return false;
    const auto from = static_cast<uint32_t>(worker.counts.steps / kStepsPerStop % shards);
    const double value = pop_owned(from);
    if (value != 0) {
      tokens.use(worker, static_cast<size_t>(value));
      push_owned((from + 1) % shards, value);
    }
    return true;
  }

  const uint32_t shards;
  Tokens tokens;

private:
  static constexpr size_t kWord = sizeof(uint64_t);

  static void expect(Status status) {
    if (status != Status::ok)
      throw std::runtime_error("an owner's operation was refused");
  }

  void push_owned(uint32_t shard, double value) {
    uint32_t count = 1;
    expect(stack_stop(region, shard));
    expect(stack_push_owned(region, shard, &value, count));
    expect(stack_resume(region, shard));
  }

  /** 0 if there is nothing. */
  double pop_owned(uint32_t shard) {
    double value = 0;
    uint32_t count = 1;
    expect(stack_stop(region, shard));
    expect(stack_pop_owned(region, shard, &value, count));
    expect(stack_resume(region, shard));
    return value;
  }

  std::vector<uint64_t> memory;

protected:
  Region region = {};
};

/** The sections by themselves. What they find stopped, the overflow shard's stand-in serves. */
class BySections : public Stacks {
public:
  using Stacks::Stacks;

  void step(Worker& worker) override {
    if (moves(worker))
      return;
    const size_t token = pop(worker);
    if (token == 0)
      return;
    tokens.use(worker, token);
    push(worker, token);
  }

private:
  size_t pop(Worker& worker) {
    size_t token = 0;
    const bool done = worker.try_here([&](const Here& here) {
      int64_t* words = word_at<int64_t>(region, here.index, 0);
      const Taken taken = load_cbne_load_add_cbge_load_store(here, words, capacity());
      token = taken.outcome == Outcome::done ? static_cast<size_t>(taken.value) : 0;
      return taken.outcome == Outcome::compare_failed && read(words[0]) == 0 ? Outcome::done : taken.outcome;
    });
    return done ? token : tokens.take_aside();
  }

  void push(Worker& worker, size_t token) {
    const auto value = static_cast<double>(token);
    const bool done = worker.try_here([&](const Here& here) {
      return load_cbne_load_cbge_store_add_store(here, word_at<int64_t>(region, here.index, 0), capacity(), value);
    });
    if (!done)
      tokens.put_aside(token);
  }
};

/** stack_pop() and stack_push(). */
class ByLibrary : public Stacks {
public:
  using Stacks::Stacks;

  void step(Worker& worker) override {
    if (moves(worker))
      return;
    double value = 0;
    worker.prepare();
    if (stack_pop(region, value) != Status::ok)
      return;
    tokens.use(worker, static_cast<size_t>(value));
    worker.prepare();
    stack_push(region, value); // Should it be refused, a token is missing in the end.
  }
};

const Rows rows({
    {"stack", "load_cbne_load_cbge_store_add_store and its pop, with owners of stopped CPUs", make<BySections>, true},
    {"stacks", "the library's stack_push() and stack_pop(), with owners of stopped CPUs", make<ByLibrary>, false},
});

} // namespace
} // namespace percpu::stress

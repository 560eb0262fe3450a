/**
 * @file
 * Things that threads take out of a structure and put back, to see that each is there once.
 */
#ifndef RSEQ_STRESS_TOKENS_H
#define RSEQ_STRESS_TOKENS_H

#include "structure.h"

#include <mutex>

namespace percpu::stress {

/** Tokens are numbers from 1; 0 is none. */
class Tokens {
public:
  explicit Tokens(size_t count) : uses(count + 1) {}

  size_t count() const { return uses.size() - 1; }

  /** Between taking and putting back: an addition that only the token's one owner can make without loss. */
  void use(Worker& worker, size_t token) {
    const uint64_t before = read(uses[token]);
    Worker::wait(kUseLoops);
    __atomic_store_n(&uses[token], before + 1, __ATOMIC_RELAXED);
    worker.counts.taken++;
  }

  /** The overflow shard: ordinary, behind a lock. */
  void put_aside(size_t token) {
    const std::lock_guard<std::mutex> held(lock);
    aside.push_back(token);
  }
  size_t take_aside() {
    const std::lock_guard<std::mutex> held(lock);
    if (aside.empty())
      return 0;
    const size_t token = aside.back();
    aside.pop_back();
    return token;
  }

  /** `found`: the tokens in the shards. Each must be there or aside, once, and no use may be lost. */
  std::string check(std::vector<size_t> found, const Counts& total) const {
    found.insert(found.end(), aside.begin(), aside.end());
    std::vector<bool> seen(uses.size());
    for (const size_t token : found) {
      if (seen[token])
        return "token " + std::to_string(token) + " is there twice";
      seen[token] = true;
    }
    uint64_t used = 0;
    for (const uint64_t count : uses)
      used += count;
    const std::string missing = compare("tokens found", found.size(), count());
    return missing.empty() ? compare("uses counted", used, total.taken) : missing;
  }

private:
  static constexpr uint64_t kUseLoops = 20;

  std::vector<uint64_t> uses;
  std::mutex lock;
  std::vector<size_t> aside;
};

/** How many there are in each shard at the start. */
constexpr size_t kTokensPerShard = 3;

} // namespace percpu::stress

#endif // RSEQ_STRESS_TOKENS_H

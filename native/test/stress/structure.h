/**
 * @file
 * What the threads work on. A new structure is a file `structure_*.cc` with a row.
 */
#ifndef RSEQ_STRESS_STRUCTURE_H
#define RSEQ_STRESS_STRUCTURE_H

#include "worker.h"

#include <memory>
#include <string>
#include <vector>

namespace percpu::stress {

class Structure {
public:
  virtual ~Structure() = default;
  /** One repetition, by any thread at any time. */
  virtual void step(Worker& worker) = 0;
  /** Called when all threads have ended. Describes what is wrong, or returns nothing. */
  virtual std::string check(const Counts& total) = 0;
};

struct Row {
  const char* name;
  const char* what;
  std::unique_ptr<Structure> (*make)(uint32_t shards, const Options& options);
  bool tells_outcomes; ///< Runs its sections by Worker::try_here(), which counts what they answer.
};

/** All structures. */
inline std::vector<Row>& structures() {
  static std::vector<Row> all;
  return all;
}

/** Adds rows to the table: `static const Rows rows({...})`. */
struct Rows {
  Rows(std::initializer_list<Row> rows) { structures().insert(structures().end(), rows); }
};

/** For Row::make. */
template <typename Kind> std::unique_ptr<Structure> make(uint32_t shards, const Options& options) {
  return std::make_unique<Kind>(shards, options);
}

/** What check() says of a sum, if it is not the right one. */
inline std::string compare(const char* what, uint64_t seen, uint64_t wanted) {
  return seen == wanted ? "" : std::string(what) + " " + std::to_string(seen) + ", not " + std::to_string(wanted);
}

/** Reads a word that sections write, once. */
template <typename Word> Word read(const Word& word) {
  Word value;
  __atomic_load(&word, &value, __ATOMIC_RELAXED);
  return value;
}

/** Two lines, so that shards do not share one. */
constexpr size_t kShardAlignment = 128;

} // namespace percpu::stress

#endif // RSEQ_STRESS_STRUCTURE_H

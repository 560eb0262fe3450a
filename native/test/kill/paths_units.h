/**
 * @file
 * Pools and lists of which a dead process holds some units, and has stopped a shard and locked the central store.
 */
#ifndef RSEQ_KILL_PATHS_UNITS_H
#define RSEQ_KILL_PATHS_UNITS_H

#include "../../percpu/pool.h"
#include "path.h"

#include <set>

namespace percpu::kill_test {

constexpr uint32_t kUnits = 24;
constexpr uint32_t kCache = 8;
/** How many the dead process holds. */
constexpr uint32_t kHeld = 3;

inline RegionSpec units_spec(Kind kind, uint32_t length, bool is_checked) {
  const Element element = kind == Kind::pool ? Element::f64 : Element::i64;
  return {kind, element,    Index::cpu_id, Writers::sections, possible_cpus(), length, Policy::none, kUnits,
          64,   is_checked, true};
}

/** The CPU on which all processes of these tests are. */
inline uint32_t this_cpu() {
  return here(Index::cpu_id).index;
}

class PoolPath : public Path {
public:
  explicit PoolPath(bool is_checked);
  void act() override;
  const char* judge() override;

  /** Allocates up to `most` blocks. */
  std::vector<uint32_t> take(const Region& from, uint32_t most) const;
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_PATHS_UNITS_H

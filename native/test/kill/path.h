/**
 * @file
 * Longer paths through the library, around its sections: how a process takes over what a dead one had stopped or
 * locked, gives back what a dead one held, and works on while it does so.
 */
#ifndef RSEQ_KILL_PATH_H
#define RSEQ_KILL_PATH_H

#include "../../rseq/cpus.h"
#include "../unit/processes.h"

#include <cstring>
#include <memory>
#include <vector>

namespace percpu::kill_test {

/** A region that processes share, with what dead processes have left in it. */
class Path : private test::Processes, public test::SharedRegion {
public:
  explicit Path(const RegionSpec& wanted)
      : SharedRegion(joined(), wanted), size(static_cast<size_t>(region_size(wanted))) {}
  virtual ~Path() = default;

  /** What the process does that is killed. */
  virtual void act() = 0;
  /** In a process that lives: null, or what is wrong with what the killed one left. */
  virtual const char* judge() = 0;

  /** Remembers the memory as it is now, as the start of act(). */
  void keep() { kept.assign(memory(), memory() + size); }
  /** Puts it back. */
  void reset() { memcpy(memory(), kept.data(), size); }

protected:
  /** The region as a process sees it that has just opened it: it knows of no allocated shard but the first. */
  Region opened() const {
    Region fresh = {};
    open_region(memory(), size, region.kind, fresh);
    return fresh;
  }

private:
  unsigned char* memory() const { return region.first_shard - region.header_distance; }

  size_t size;
  std::vector<unsigned char> kept;
};

struct PathRow {
  const char* name;
  std::unique_ptr<Path> (*make)();
};

/** The table of paths. */
inline std::vector<PathRow>& paths() {
  static std::vector<PathRow> all;
  return all;
}

/** Adds rows to the table: `static const PathRows rows({...})`. */
struct PathRows {
  PathRows(std::initializer_list<PathRow> rows) { paths().insert(paths().end(), rows); }
};

template <typename Kind> std::unique_ptr<Path> make_path() {
  return std::make_unique<Kind>();
}

} // namespace percpu::kill_test

#endif // RSEQ_KILL_PATH_H

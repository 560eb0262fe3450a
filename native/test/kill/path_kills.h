/**
 * @file
 * Kills processes at each instruction of the paths around the sections.
 */
#ifndef RSEQ_KILL_PATH_KILLS_H
#define RSEQ_KILL_PATH_KILLS_H

#include "path.h"

#include <map>
#include <string>

namespace percpu::kill_test {

/** What was seen of one path. */
struct PathKills {
  const char* name;
  size_t instructions = 0; ///< Different ones that the path came by and that were chosen, without those of sections.
  size_t killed = 0;       ///< Those at which a process was killed.
  uint64_t kills = 0;
  uint64_t failures = 0;
};

/** Runs paths, one after the other. */
class PathKiller {
public:
  /**
   * @param only paths whose names contain it.
   * @param every kills at each so many-th instruction, beginning with any.
   */
  void run_all(const std::string& only, uint32_t every);

  std::vector<PathKills> results;
  std::vector<std::string> failures; ///< The first ones, in words.

private:
  /** A stretch of code. */
  struct Code {
    uintptr_t begin, end;
    std::string name;
  };

  void read_code();
  const Code* code_at(uintptr_t address) const;
  std::map<uintptr_t, uint32_t> trace(Path& path) const;
  bool kill_at(Path& path, uintptr_t address, uint32_t visit) const;
  void run_one(const PathRow& row, uint32_t every);

  std::map<uintptr_t, Code> library; ///< The functions of the library and of the paths, by their ends.
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_PATH_KILLS_H

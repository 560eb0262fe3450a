/**
 * @file
 * The tested structures, and the operations on them.
 *
 * A structure is memory with an initial state. An operation is a function that changes the memory by sections, with a
 * model that makes the change by plain code on a given shard. The program finds out all the rest: which sections an
 * operation runs, the addresses of their instructions, and which operations can interrupt each other. A new structure
 * is a file `structure_*.cc` with one row for each operation.
 */
#ifndef RSEQ_INTERLEAVE_OPERATIONS_H
#define RSEQ_INTERLEAVE_OPERATIONS_H

#include "../../rseq/sections.h"
#include "../../rseq/thread.h"

#include <cstdint>
#include <string>
#include <vector>

namespace percpu::interleave {

/** The memory that a case works on. Sections and models get the same addresses. */
struct Memory {
  unsigned char* bytes;
  size_t size;
  uint32_t shards; ///< One per possible CPU. One more follows: the overflow shard.

  /** Shard `i` of an array of them that begins at `offset`. `i` up to and with `shards`. */
  template <typename Shard> Shard& shard(uint32_t i, size_t offset = 0) const {
    return *reinterpret_cast<Shard*>(bytes + offset + i * sizeof(Shard));
  }
};

/** One call of an operation. */
struct Call {
  const Memory& memory;
  Index index;
  Order order;
  uint32_t role; ///< 0 in A, 1 and 2 in B: whose value it adds, whose node it pushes.
};

/** Highest role plus one. */
constexpr uint32_t kRoles = 3;

/** What an operation answers; "empty", "full" and "busy" are answers. */
using Answer = int64_t;
constexpr Answer kEmpty = -1;
constexpr Answer kFull = -2;
constexpr Answer kBusy = -3;

struct Structure {
  const char* name;
  size_t (*size)(uint32_t shards);
  uint32_t states;                                                   ///< How many different starts there are.
  void (*set_up)(const Memory& memory, Index index, uint32_t state); ///< In zeroed memory.
  void (*tidy)(const Memory& memory); ///< Clears what the structure's contents do not include; may be null.
};

struct Operation {
  const char* name;
  const Structure* structure;
  Answer (*run)(const Call& call);                   ///< By sections, on the shard where the thread is.
  Answer (*model)(const Call& call, uint32_t shard); ///< Makes the change by plain code, on `shard`.
  uint32_t attempts;            ///< Sections tried before the overflow shard; 0 for an operation without sections.
  bool ordered;                 ///< Has a relaxed and a release copy.
  bool tells_aborts;            ///< Adds what its sections answer to `tally`, as retry() does.
  const char* direct = nullptr; ///< The section of which it makes one attempt more, in line, where libc has areas.

  uint32_t attempts_at(const std::string& section) const {
    return attempts + (direct != nullptr && section == direct && has_libc_areas() ? 1 : 0);
  }
};

/** Aborts that the operation under test saw as answers of its sections. */
inline uint32_t tally = 0;

/** The table of operations, in the order in which the linker has the files. */
inline std::vector<Operation>& operations() {
  static std::vector<Operation> all;
  return all;
}

/** Adds rows to the table: `static const Rows rows({...})`. */
struct Rows {
  Rows(std::initializer_list<Operation> rows) { operations().insert(operations().end(), rows); }
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_OPERATIONS_H

/**
 * @file
 * Fences that processes ask each other for, where a thread cannot visit a CPU (docs/protocols/shared-fence.md).
 *
 * A service has a file `fences` with one row for each slot of a process (service.h), mapped by all its processes. Who
 * needs a fence raises `asked` in the rows of the others. A helper thread of each process sleeps on its row, fences the
 * running threads of its own process by membarrier, and writes the number that it has served. The kernel finds a
 * sleeper by its file, so this works across PID, network and user namespaces.
 *
 * Any process can overwrite a row. Then a fence may fail, or be taken for done; nobody crashes or waits for ever.
 */
#ifndef RSEQ_PERCPU_FENCE_ROWS_H
#define RSEQ_PERCPU_FENCE_ROWS_H

#include <cstddef>
#include <cstdint>

namespace percpu {
namespace fence_rows {

/** What is known of the process that a row belongs to. */
enum State : uint32_t {
  ready = 0,
  late = 1,        ///< It has let somebody wait in vain, and has served nothing since: it is stopped, for example.
  incapable = 2,   ///< Its helper could not fence: the kernel has no membarrier for it, or a sandbox forbids it.
  unreachable = 3, ///< A forked child of it runs, and could not tell by a lock that it does. Until the slot is free.
};

/** All words are accessed by atomics. All zero in a new file. */
struct Row {
  uint32_t asked;  ///< How many fences were asked for. A ticket is the number after one's own request.
  uint32_t served; ///< What `asked` was before the helper's last fence.
  uint32_t state;  ///< A State.
  uint32_t reserved;
};
constexpr size_t kRowBytes = sizeof(Row);
static_assert(kRowBytes == 16);

/**
 * Gives a row to the calling process, and starts a helper thread for it, which lives as long as the process, sleeps
 * until somebody asks, and has all signals blocked. In a forked child, begin() must be called again, for another row.
 * If no thread can be made, the row becomes `incapable`.
 */
void begin(Row& row) noexcept;

/** Asks for a fence and returns the ticket. Sequentially consistent: the helper sees what the caller stored before. */
uint32_t ask(Row& row) noexcept;

enum class Answer : uint32_t { done, not_yet, never };

/**
 * Looks for the answer to a ticket, and waits for up to a millisecond if there is none yet. `done`: every section that
 * ran in the process when ask() was called has been aborted or has committed; the caller sees what it stored, and later
 * sections see what the caller stored before ask(). `never`: the process cannot fence.
 */
Answer await(Row& row, uint32_t ticket) noexcept;

/** Marks a process that does not answer, so that nobody waits long for it until it serves again. */
void mark_late(Row& row) noexcept;

/** Marks a process as having a forked child that fences do not reach. */
void mark_unreachable(Row& row) noexcept;

bool is_late(const Row& row) noexcept;

} // namespace fence_rows
} // namespace percpu

#endif // RSEQ_PERCPU_FENCE_ROWS_H

/**
 * @file
 * What the kernel says about the calling thread's registered area.
 */
#ifndef RSEQ_REGISTERED_AREA_H
#define RSEQ_REGISTERED_AREA_H

#include <cstdint>

namespace percpu {

/**
 * How the kernel treats the area. Sections are aborted alike in both modes.
 *
 * Which mode a thread has follows from the length that its area was registered with: see kAreaLength in abi.h.
 */
enum class Mode : uint32_t {
  none,   ///< The thread has no registered area.
  legacy, ///< The kernel writes the ids, and looks for a section, whenever the thread has slept or a signal arrives.
  v2, ///< The kernel writes the ids when they change, looks for a section only after an interrupt of the thread's own
      ///< code, and ends a process that has written to the ids (Linux 7.1, x86-64 at first).
};

/** The calling thread's area. */
struct RegisteredArea {
  Mode mode;
  uint32_t length; ///< The length in bytes that the area was registered with; 0 if mode is none.
  uint32_t flags;  ///< The flags that the kernel has written: kSliceAvailable, kSliceEnabled.
};

/**
 * Describes the calling thread's area. Loads only, where the kernel's flags or the length tell the mode; otherwise it
 * finds the mode out, for which the thread sleeps four times for some 100 microseconds.
 */
RegisteredArea registered_area() noexcept;

} // namespace percpu

#endif // RSEQ_REGISTERED_AREA_H

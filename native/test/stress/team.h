/**
 * @file
 * The threads of one round.
 */
#ifndef RSEQ_STRESS_TEAM_H
#define RSEQ_STRESS_TEAM_H

#include "structure.h"

namespace percpu::stress {

/**
 * Runs options.threads threads at once, each making options.repetitions steps on `structure`. The last
 * options.unregistered of them have no area. Without `armed` it is the control.
 */
Counts run_team(const Options& options, uint32_t shards, bool armed, Structure& structure);

/** Has the signal that threads are disturbed by give up the CPU, and nothing more. */
void catch_disturbing_signal();

/** Signals that came. */
uint64_t signals_seen();

} // namespace percpu::stress

#endif // RSEQ_STRESS_TEAM_H

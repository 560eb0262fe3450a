/**
 * @file
 * Which sections an operation runs, and where their instructions lie: found by running it.
 */
#ifndef RSEQ_INTERLEAVE_TRACE_H
#define RSEQ_INTERLEAVE_TRACE_H

#include "operations.h"
#include "section_table.h"

namespace percpu::interleave {

/**
 * Runs `operation`, not armed, and tells whether it entered `section`. Adds the instructions that it
 * ran there to `section.instructions`: by single steps where instructions vary in length, otherwise
 * all of the function up to the signature.
 */
bool trace(const Operation& operation, const Call& call, Section& section);

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_TRACE_H

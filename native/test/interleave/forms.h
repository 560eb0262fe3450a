/**
 * @file
 * The operations in all their forms, with the sections that each of them runs.
 */
#ifndef RSEQ_INTERLEAVE_FORMS_H
#define RSEQ_INTERLEAVE_FORMS_H

#include "case_memory.h"
#include "section_table.h"

#include <string>
#include <vector>

namespace percpu::interleave {

/** An operation in one of its forms: on each index, in each order, from each start. */
struct Form {
  const Operation* operation;
  Index index;
  Order order;
  uint32_t state;
  std::vector<size_t> sections; ///< Those that it runs, by their places in the table of sections.
};

/**
 * Runs operations that have sections, not armed, and adds the instructions that they meet to `sections`.
 * @param only operations whose names contain it. If it is not empty, sections that none of them runs are removed.
 */
std::vector<Form> trace_forms(CaseMemory& memory, std::vector<Section>& sections, bool with_mm_cid,
                              const std::string& only);

/** The operations on the same structure. */
std::vector<const Operation*> partners(const Operation& operation);

/** "structure/operation". */
std::string name_of(const Operation& operation);

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_FORMS_H

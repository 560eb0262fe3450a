#include "forms.h"

#include "trace.h"

namespace percpu::interleave {
namespace {

/** Removes the sections that no operation met. */
void keep_met(std::vector<Section>& sections, std::vector<Form>& forms) {
  std::vector<Section> kept;
  std::vector<size_t> places(sections.size());
  for (size_t i = 0; i < sections.size(); i++) {
    places[i] = kept.size();
    if (!sections[i].instructions.empty())
      kept.push_back(sections[i]);
  }
  for (Form& form : forms)
    for (size_t& section : form.sections)
      section = places[section];
  sections = kept;
}

} // namespace

std::vector<Form> trace_forms(CaseMemory& memory, std::vector<Section>& sections, bool with_mm_cid,
                              const std::string& only) {
  std::vector<Form> forms;
  const auto trace_one = [&](Form form) {
    for (size_t i = 0; i < sections.size(); i++) {
      const Structure& structure = *form.operation->structure;
      const Call call = {memory.set_up(structure, form.index, form.state), form.index, form.order, 0};
      if (trace(*form.operation, call, sections[i]))
        form.sections.push_back(i);
    }
    forms.push_back(form);
  };
  for (const Operation& operation : operations())
    for (const Index index : {Index::cpu_id, Index::mm_cid})
      for (const Order order : {Order::relaxed, Order::release})
        for (uint32_t state = 0; state < operation.structure->states; state++)
          if (operation.attempts != 0 && name_of(operation).find(only) != std::string::npos &&
              (index == Index::cpu_id || with_mm_cid) && (order == Order::relaxed || operation.ordered))
            trace_one({&operation, index, order, state, {}});
  if (!only.empty())
    keep_met(sections, forms);
  return forms;
}

std::vector<const Operation*> partners(const Operation& operation) {
  std::vector<const Operation*> found;
  for (const Operation& other : operations())
    if (other.structure == operation.structure)
      found.push_back(&other);
  return found;
}

std::string name_of(const Operation& operation) {
  return std::string(operation.structure->name) + '/' + operation.name;
}

} // namespace percpu::interleave

/**
 * @file
 * The hot operations: what JavaScript may call millions of times a second.
 *
 * Each is a function of integers and doubles that accepts all arguments: it refuses bad ones by its status and never
 * throws. src/core/operations.ts is the table of all hot operations; each way into the addon (napi_tier.h, v8_tier.h)
 * makes its own callbacks from it.
 */
#ifndef RSEQ_ADDON_OPERATIONS_H
#define RSEQ_ADDON_OPERATIONS_H

#include "array_operations.h"
#include "counter_operations.h"
#include "counter_tree_operations.h"
#include "heap_operations.h"
#include "lock_operations.h"
#include "ring_operations.h"
#include "stack_operations.h"

#include <type_traits>

namespace percpu {
namespace addon {

/**
 * Calls `visit.operation<function>("name")` for each hot operation. The rows come from
 * src/core/operations.ts; a function whose types differ from its row does not compile.
 */
template <typename Visitor> void for_each_operation(Visitor& visit) {
// NOLINTBEGIN(bugprone-macro-parentheses): `result` and `arguments` are parts of a type, which takes no parentheses.
#define OPERATION(function, name, result, arguments)                                                                   \
  static_assert(std::is_same<decltype(&function), result(*) arguments noexcept>::value,                                \
                #function " has other types than its row in src/core/operations.ts");                                  \
  visit.template operation<function>(name);
// NOLINTEND(bugprone-macro-parentheses)
#include "generated/operations.inc"
#undef OPERATION
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_OPERATIONS_H

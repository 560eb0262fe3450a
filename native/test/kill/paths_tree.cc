#include "paths_tree.h"

namespace percpu::kill_test {
namespace {

const PathRows rows({{"counter with a tree", make_path<TreePath>}});

} // namespace
} // namespace percpu::kill_test

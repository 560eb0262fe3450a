// Kills processes at every instruction of the sections, and checks that what they leave in shared memory is a state
// before or after the operation.
#include "../../rseq/cpus.h"
#include "../interleave/setting.h"
#include "report.h"

#include <getopt.h>
#include <iostream>

namespace {

using namespace percpu;
using namespace percpu::interleave;
using namespace percpu::kill_test;

constexpr const char* kHelp = R"(usage: kill [--json] [--only TEXT] [--operations TEXT] [--every N]

Forks a process for each instruction of each critical section, from its start up to the one
behind its commit. The process runs an operation on shared memory, runs into a breakpoint on
that instruction, and is killed by SIGKILL where it stands. Before the commit, memory must be as
before the operation, behind it as after the operation. Then each operation, and each two of
them, run on what is left, and must give what they give in sequence.

Then it does so at each instruction of longer paths around the sections, by which a process takes
over what a dead one had stopped, locked or held: no block, node, value or record may be lost, or be there twice.

  --json       one line of JSON at the end
  --only TEXT  sections whose name contains TEXT, and no paths
  --operations TEXT
               operations whose name (structure/operation) contains TEXT and their sections, and paths
               whose name contains it
  --every N    kills at each N-th instruction of the paths only, beginning with any
  --help       this text

Exit status: 0 passed, 1 failed, 2 this system cannot run sections, or wrong usage.
)";

struct Options {
  bool json = false;
  std::string only;
  std::string operations;
  uint32_t every = 1;
};

bool parse(int count, char** arguments, Options& options) {
  const option known[] = {{"json", no_argument, nullptr, 'j'},
                          {"only", required_argument, nullptr, 'o'},
                          {"operations", required_argument, nullptr, 'p'},
                          {"every", required_argument, nullptr, 'e'},
                          {"help", no_argument, nullptr, 'h'},
                          {nullptr, 0, nullptr, 0}};
  for (int letter; (letter = getopt_long(count, arguments, "", known, nullptr)) != -1;) {
    switch (letter) {
    case 'j':
      options.json = true;
      break;
    case 'o':
      options.only = optarg;
      break;
    case 'p':
      options.operations = optarg;
      break;
    case 'e':
      options.every = static_cast<uint32_t>(strtoul(optarg, nullptr, 10));
      if (options.every == 0)
        return false;
      break;
    case 'h':
      std::cout << kHelp;
      exit(0);
    default:
      return false;
    }
  }
  return optind == count;
}

int cannot(const char* reason) {
  std::cerr << "kill: " << reason << '\n';
  return 2;
}

} // namespace

int main(int count, char** arguments) {
  Options options;
  if (!parse(count, arguments, options))
    return cannot("see --help");
  Setting setting;
  if (const char* const reason = prepare(options.only, setting); reason != nullptr)
    return cannot(reason);
  CaseMemory memory(possible_cpus());
  const std::vector<Form> forms = trace_forms(memory, setting.sections, setting.with_mm_cid, options.operations);
  SectionKiller sections(memory, setting.sections);
  sections.run_all(forms);
  PathKiller paths;
  if (options.only.empty())
    paths.run_all(options.operations, options.every);
  const Report report = {setting, sections, paths};
  report.print();
  if (options.json)
    report.print_json();
  return report.passed() ? 0 : 1;
}

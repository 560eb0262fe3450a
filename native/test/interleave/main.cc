// Stops every operation at every instruction of its sections, runs a conflicting operation there, and compares the
// result with that of plain code in sequence.
#include "../../rseq/cpus.h"
#include "forms.h"
#include "report.h"
#include "setting.h"

#include <getopt.h>
#include <iostream>

namespace {

using namespace percpu;
using namespace percpu::interleave;

constexpr const char* kHelp = R"(usage: interleave [--json] [--verbose] [--only TEXT] [--operations TEXT]

Plants a breakpoint on each instruction of each critical section in turn, runs an
operation A into it, and lets operations B interfere where it stopped:
  once      B is one or two operations on the same CPU's data
  move      the thread is moved to another CPU, and B runs there
  fence     another thread fences this CPU by membarrier, and B runs
  overflow  B runs, and A is stopped again until it goes to the overflow shard
Memory and answers must be those of A and B in sequence. A must be aborted exactly
once inside the section, and never before or after it. The control runs the same
instructions with the section not armed, and must go wrong.

  --json       one line of JSON at the end
  --verbose    for each section the instructions where the control went wrong
  --only TEXT  sections whose name contains TEXT
  --operations TEXT
               operations whose name (structure/operation) contains TEXT, and their sections
  --help       this text

Exit status: 0 passed, 1 failed, 2 this system cannot run sections, or wrong usage.
)";

/** How many failures of one operation are described in words. */
constexpr uint64_t kShownFailures = 3;

struct Options {
  bool json = false;
  bool verbose = false;
  std::string only;
  std::string operations;
};

class Program {
public:
  Program(Laboratory& use, Report& into, const std::vector<Form>& all) : laboratory(use), report(into), forms(all) {}

  void run_all() {
    for (const Form& form : forms)
      for (const size_t section : form.sections)
        for (const auto& [address, end] : report.sections[section].instructions)
          run_ways(form, report.sections[section], address);
  }

  /** Apart from the others: while the helper lives, concurrency ids depend on who runs when. */
  void run_fences() {
    Fencer fencer;
    if (!fencer.available()) {
      report.skipped.push_back("fence: the kernel's membarrier has none for sections");
      return;
    }
    for (const Form& form : forms)
      for (const size_t section : form.sections)
        for (const auto& [address, end] : report.sections[section].instructions)
          for (const Operation* b : partners(*form.operation))
            run_case(form, report.sections[section], {b}, Way::fence, address, true, &fencer);
  }

private:
  void run_ways(const Form& form, Section& section, uintptr_t address) {
    for (const Operation* b : partners(*form.operation)) {
      run_case(form, section, {b}, Way::once, address, true);
      if (laboratory.other != laboratory.home)
        run_case(form, section, {b}, Way::move, address, true);
      if (section.protects(address)) {
        run_case(form, section, {b}, Way::overflow, address, true);
        run_case(form, section, {b}, Way::once, address, false);
      }
      for (const Operation* second : partners(*form.operation)) {
        run_case(form, section, {b, second}, Way::once, address, true);
        if (section.protects(address))
          run_case(form, section, {b, second}, Way::once, address, false);
      }
    }
  }

  void run_case(const Form& form, Section& section, std::vector<const Operation*> b, Way way, uintptr_t address,
                bool armed, Fencer* fencer = nullptr) {
    const Case c = {form.operation, std::move(b), way, form.index, form.order, form.state, &section, address, armed};
    const Verdict verdict = laboratory.run(c, fencer);
    report.repeats += verdict.repeats;
    if (!verdict.reached && verdict.wrong == nullptr)
      return; // This form does not come by here; another one must.
    if (!armed) {
      section.control_cases++;
      if (verdict.wrong != nullptr) {
        section.control_failures++;
        section.control_wrong.insert(address);
      }
      return;
    }
    section.cases++;
    section.aborts += verdict.aborts;
    report.ways[way_name(c)]++;
    if (c.b.size() == 1)
      section.pairs.insert(name_of(*c.a) + " / " + name_of(*c.b[0]));
    if (verdict.aborts != 0 && section.protects(address))
      section.interrupted.insert(address);
    if (verdict.wrong != nullptr)
      note_failure(c, section, verdict);
  }

  void note_failure(const Case& c, Section& section, const Verdict& verdict) {
    section.failures++;
    if (++report.failed[name_of(*c.a)] > kShownFailures)
      return;
    std::string text = name_of(*c.a) + " (state " + std::to_string(c.state) + ") stopped in " + section.name + " at ";
    const auto distance = static_cast<long>(c.address) - static_cast<long>(section.start);
    text += std::to_string(distance) + ", " + way_name(c) + " with";
    for (const Operation* b : c.b)
      text += ' ' + name_of(*b);
    report.failures.push_back(text + ": " + verdict.wrong);
  }

  static const char* way_name(const Case& c) {
    constexpr const char* kNames[kWays] = {"once", "move", "fence", "overflow"};
    return c.b.size() == 2 ? "twice" : kNames[static_cast<size_t>(c.way)];
  }

  Laboratory& laboratory;
  Report& report;
  const std::vector<Form>& forms;
};

bool parse(int count, char** arguments, Options& options) {
  const option known[] = {{"json", no_argument, nullptr, 'j'},       {"verbose", no_argument, nullptr, 'v'},
                          {"only", required_argument, nullptr, 'o'}, {"operations", required_argument, nullptr, 'p'},
                          {"help", no_argument, nullptr, 'h'},       {nullptr, 0, nullptr, 0}};
  for (int letter; (letter = getopt_long(count, arguments, "", known, nullptr)) != -1;) {
    switch (letter) {
    case 'j':
      options.json = true;
      break;
    case 'v':
      options.verbose = true;
      break;
    case 'o':
      options.only = optarg;
      break;
    case 'p':
      options.operations = optarg;
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
  std::cerr << "interleave: " << reason << '\n';
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
  if (setting.home == setting.other)
    setting.skipped.push_back("move: there is one CPU only");

  CaseMemory memory(possible_cpus());
  const std::vector<Form> forms = trace_forms(memory, setting.sections, setting.with_mm_cid, options.operations);
  Report report;
  report.sections = std::move(setting.sections);
  report.skipped = std::move(setting.skipped);
  Laboratory laboratory(memory, setting.home, setting.other);
  Program program(laboratory, report, forms);
  program.run_all();
  program.run_fences();

  report.print(options.verbose);
  if (options.json)
    report.print_json();
  return report.passed() ? 0 : 1;
}

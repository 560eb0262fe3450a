// Stops every operation at every instruction of its sections, has something conflicting done there,
// and compares what comes of it with what plain code in sequence gives.
#include "../../rseq/cpus.h"
#include "../../rseq/thread.h"
#include "breakpoint.h"
#include "report.h"
#include "trace.h"
#include "traps.h"

#include <cstring>
#include <getopt.h>
#include <iostream>

namespace {

using namespace rseq;
using namespace rseq::interleave;

constexpr const char* kHelp = R"(usage: interleave [--json] [--verbose] [--only TEXT]

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
  --help       this text

Exit status: 0 passed, 1 failed, 2 this system cannot run sections, or wrong usage.
)";

/** Failures of one operation that are told in words. */
constexpr uint64_t kShownFailures = 3;

struct Options {
  bool json = false;
  bool verbose = false;
  std::string only;
};

/** An operation in one of its forms: on each index, in each order, from each start. */
struct Form {
  const Operation* operation;
  Index index;
  Order order;
  uint32_t state;
  std::vector<size_t> sections; ///< Those that it runs.
};

class Program {
public:
  Program(Laboratory& use, Report& into) : laboratory(use), report(into) {}

  /** Finds out which sections the operations run, and their instructions. */
  void trace_all(bool with_mm_cid) {
    for (const Operation& operation : operations())
      for (const Index index : {Index::cpu_id, Index::mm_cid})
        for (const Order order : {Order::relaxed, Order::release})
          for (uint32_t state = 0; state < operation.structure->states; state++)
            if (operation.attempts != 0 && (index == Index::cpu_id || with_mm_cid) &&
                (order == Order::relaxed || operation.ordered))
              trace_one({&operation, index, order, state, {}});
  }

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
          for (const Operation* b : partners(form))
            run_case(form, report.sections[section], {b}, Way::fence, address, true, &fencer);
  }

private:
  void trace_one(Form form) {
    for (size_t i = 0; i < report.sections.size(); i++) {
      const Call call = laboratory.fresh_call(*form.operation, form.index, form.order, form.state);
      if (trace(*form.operation, call, report.sections[i]))
        form.sections.push_back(i);
    }
    forms.push_back(form);
  }

  static std::vector<const Operation*> partners(const Form& form) {
    std::vector<const Operation*> found;
    for (const Operation& operation : operations())
      if (operation.structure == form.operation->structure)
        found.push_back(&operation);
    return found;
  }

  void run_ways(const Form& form, Section& section, uintptr_t address) {
    for (const Operation* b : partners(form)) {
      run_case(form, section, {b}, Way::once, address, true);
      if (laboratory.other != laboratory.home)
        run_case(form, section, {b}, Way::move, address, true);
      if (section.protects(address)) {
        run_case(form, section, {b}, Way::overflow, address, true);
        run_case(form, section, {b}, Way::once, address, false);
      }
      for (const Operation* second : partners(form)) {
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
      section.pairs.insert(name(*c.a) + " / " + name(*c.b[0]));
    if (verdict.aborts != 0 && section.protects(address))
      section.interrupted.insert(address);
    if (verdict.wrong != nullptr)
      note_failure(c, section, verdict);
  }

  void note_failure(const Case& c, Section& section, const Verdict& verdict) {
    section.failures++;
    if (++report.failed[name(*c.a)] > kShownFailures)
      return;
    std::string text = name(*c.a) + " (state " + std::to_string(c.state) + ") stopped in " + section.name + " at ";
    const auto distance = static_cast<long>(c.address) - static_cast<long>(section.start);
    text += std::to_string(distance) + ", " + way_name(c) + " with";
    for (const Operation* b : c.b)
      text += ' ' + name(*b);
    report.failures.push_back(text + ": " + verdict.wrong);
  }

  static std::string name(const Operation& operation) {
    return std::string(operation.structure->name) + '/' + operation.name;
  }

  static const char* way_name(const Case& c) {
    constexpr const char* kNames[kWays] = {"once", "move", "fence", "overflow"};
    return c.b.size() == 2 ? "twice" : kNames[static_cast<size_t>(c.way)];
  }

  Laboratory& laboratory;
  Report& report;
  std::vector<Form> forms;
};

bool parse(int count, char** arguments, Options& options) {
  const option known[] = {{"json", no_argument, nullptr, 'j'},
                          {"verbose", no_argument, nullptr, 'v'},
                          {"only", required_argument, nullptr, 'o'},
                          {"help", no_argument, nullptr, 'h'},
                          {nullptr, 0, nullptr, 0}};
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
    case 'h':
      std::cout << kHelp;
      exit(0);
    default:
      return false;
    }
  }
  return optind == count;
}

/** The first CPUs that the thread may use: one to live on, one to be moved to; the same where there is only one. */
bool choose_cpus(int& home, int& other) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return false;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(static_cast<size_t>(cpu), &allowed))
      cpus.push_back(cpu);
  home = cpus.front();
  other = cpus[cpus.size() > 1 ? 1 : 0];
  return true;
}

/** Whether this CPU has the instructions of a section. */
bool is_executable(const std::string& name) {
#if defined(__x86_64__)
  return name.find("_avx_") == std::string::npos || __builtin_cpu_supports("avx");
#else
  return !name.empty();
#endif
}

/** Takes out of the table what is not asked for, what this kernel has no index for, and what this CPU cannot run. */
void select(Report& report, const Options& options, bool with_mm_cid) {
  std::vector<Section> kept;
  size_t without = 0;
  size_t foreign = 0;
  for (const Section& section : report.sections) {
    if (section.name.find(options.only) == std::string::npos)
      continue;
    const char suffix[] = "_mm_cid";
    const size_t at = section.name.rfind(suffix);
    const bool by_mm_cid = at != std::string::npos && at + strlen(suffix) == section.name.size();
    if (!is_executable(section.name))
      foreign++;
    else if (by_mm_cid && !with_mm_cid)
      without++;
    else
      kept.push_back(section);
  }
  report.sections = kept;
  if (without != 0)
    report.skipped.push_back(std::to_string(without) + " sections on mm_cid: the kernel has no concurrency ids");
  if (foreign != 0)
    report.skipped.push_back(std::to_string(foreign) + " sections: the CPU has no AVX");
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
  const Registration registration = attach();
  if (registration.owner == Owner::none)
    return cannot("no restartable sequences here: the kernel refused the registration");
  int home, other;
  if (!choose_cpus(home, other))
    return cannot("the CPUs that may be used cannot be read");

  Report report;
  report.sections = read_sections();
  if (report.sections.empty())
    return cannot("no symbols: the program was stripped, or /proc is not mounted");
  if (!make_writable(report.sections))
    return cannot("the system does not let a program change its code");
  catch_traps();

  constexpr uint32_t kMmCidEnd = RSEQ_AREA_MM_CID + sizeof(uint32_t);
  const bool with_mm_cid = registration.usable_size >= kMmCidEnd;
  select(report, options, with_mm_cid);
  if (home == other)
    report.skipped.push_back("move: there is one CPU only");

  Laboratory laboratory(possible_cpus(), home, other);
  Program program(laboratory, report);
  program.trace_all(with_mm_cid);
  program.run_all();
  program.run_fences();

  report.print(options.verbose);
  if (options.json)
    report.print_json();
  return report.passed() ? 0 : 1;
}

#include "options.h"

#include "../../rseq/arch/stress_points.h"
#include "structure.h"

#include <cstdlib>
#include <getopt.h>
#include <iostream>
#include <vector>

#if defined(RSEQ_INJECT_DELAYS)
extern "C" {
[[gnu::visibility("hidden")]] uint64_t rseq_delay_loops[RSEQ_DELAY_POINTS];
}
#endif

namespace percpu::stress {

#if defined(RSEQ_COMPARE_TWICE)
const char* const build_name = "compare-twice";
#elif defined(RSEQ_INJECT_DELAYS)
const char* const build_name = "delays";
#else
const char* const build_name = "plain";
#endif

namespace {

constexpr const char* kHelp = R"(usage: stress [options]

Many threads update per-CPU data by restartable sequences, and something keeps
interrupting them. Passes if the totals are exact, a section was aborted, and the
control (the same sections, not armed) went wrong.

  --test NAME          one of those below (counter)
  --threads N          threads (six times the CPUs)
  --unregistered N     how many of them have no rseq area (0)
  --repetitions N      by each thread, in the first round (50000)
  --rounds N           at most (30); goes on, each longer than the last one, while no
                       section was aborted, and while the control did not go wrong
  --index cpu_id|mm_cid            what numbers the shards (cpu_id)
  --order relaxed|release          of the committing store (relaxed)
  --delay POINT=LOOPS  an empty loop at a point; may be given for several of
                         before    the index is read, the section not armed yet
                         armed     armed, the index not compared yet
                         entered   the index is right, nothing loaded yet
                         loaded    the word that decides is loaded
                         between   any two further steps
                         ready     all is done but the commit
                       All but the first need a build with delays.
  --yield N            every N sections give up the CPU (0: never)
  --signal N           every N sections send oneself a signal (0: never)
  --sleep N            every N sections sleep for a moment (0: never)
  --timer US           a signal to each thread every US microseconds (100; 0: none)
  --no-control         leave the control out
  --json               one line of JSON
  --help               this text

Exit status: 0 passed, 1 failed, 2 cannot run here, or wrong usage.

Tests:
)";

[[noreturn]] void refuse(const std::string& what) {
  std::cerr << "stress: " << what << "; see --help\n";
  exit(2);
}

[[noreturn]] void help() {
  std::cout << kHelp;
  for (const Row& row : structures())
    std::cout << "  " << row.name << std::string(12 - std::string(row.name).size(), ' ') << row.what << '\n';
  exit(0);
}

uint32_t number(const std::string& text) {
  constexpr unsigned long long kMost = 1'000'000'000;
  char* end = nullptr;
  const unsigned long long value = strtoull(text.c_str(), &end, 10);
  if (text.empty() || text[0] < '0' || text[0] > '9' || *end != '\0' || value > kMost)
    refuse("a number is from 0 to 1000000000, not '" + text + "'");
  return static_cast<uint32_t>(value);
}

void set_delay(Options& options, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos)
    refuse("--delay takes POINT=LOOPS, not '" + text + "'");
  const std::string point = text.substr(0, equals);
  const uint32_t loops = number(text.substr(equals + 1));
  if (point == "before") {
    options.before_loops = loops;
    return;
  }
#if defined(RSEQ_INJECT_DELAYS)
  const std::string points[RSEQ_DELAY_POINTS] = {"armed", "entered", "loaded", "between", "ready"};
  for (size_t i = 0; i < RSEQ_DELAY_POINTS; i++) {
    if (point == points[i]) {
      rseq_delay_loops[i] = loops;
      return;
    }
  }
#endif
  refuse("this build has no delay at '" + point + "'");
}

/** One option: its name, whether it takes an argument, and what it does with it. */
struct Known {
  const char* name;
  int argument;
  void (*set)(Options& options, const std::string& text);
};

const Known known[] = {
    {"test", required_argument, [](Options& options, const std::string& text) { options.test = text; }},
    {"threads", required_argument, [](Options& options, const std::string& text) { options.threads = number(text); }},
    {"unregistered", required_argument,
     [](Options& options, const std::string& text) { options.unregistered = number(text); }},
    {"repetitions", required_argument,
     [](Options& options, const std::string& text) { options.repetitions = number(text); }},
    {"rounds", required_argument, [](Options& options, const std::string& text) { options.rounds = number(text); }},
    {"index", required_argument,
     [](Options& options, const std::string& text) {
       if (text != "cpu_id" && text != "mm_cid")
         refuse("--index is cpu_id or mm_cid, not '" + text + "'");
       options.index = text == "cpu_id" ? Index::cpu_id : Index::mm_cid;
     }},
    {"order", required_argument,
     [](Options& options, const std::string& text) {
       if (text != "relaxed" && text != "release")
         refuse("--order is relaxed or release, not '" + text + "'");
       options.order = text == "relaxed" ? Order::relaxed : Order::release;
     }},
    {"delay", required_argument, set_delay},
    {"yield", required_argument, [](Options& options, const std::string& text) { options.yield_every = number(text); }},
    {"signal", required_argument,
     [](Options& options, const std::string& text) { options.signal_every = number(text); }},
    {"sleep", required_argument, [](Options& options, const std::string& text) { options.sleep_every = number(text); }},
    {"timer", required_argument, [](Options& options, const std::string& text) { options.timer_us = number(text); }},
    {"no-control", no_argument, [](Options& options, const std::string&) { options.control = false; }},
    {"json", no_argument, [](Options& options, const std::string&) { options.json = true; }},
    {"help", no_argument, [](Options&, const std::string&) { help(); }},
};

} // namespace

Options parse(int count, char** arguments) {
  std::vector<option> forms;
  for (const Known& one : known)
    forms.push_back({one.name, one.argument, nullptr, 0});
  forms.push_back({nullptr, 0, nullptr, 0});
  Options options;
  int position = 0;
  for (int found; (found = getopt_long(count, arguments, "", forms.data(), &position)) != -1;) {
    if (found != 0)
      refuse("wrong usage"); // getopt has said what is wrong.
    known[position].set(options, optarg != nullptr ? optarg : "");
  }
  if (optind != count)
    refuse(std::string("no use for '") + arguments[optind] + "'");
  return options;
}

} // namespace percpu::stress

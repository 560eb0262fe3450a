#include "setting.h"

#include "../../rseq/thread.h"
#include "breakpoint.h"
#include "traps.h"

#include <cstring>
#include <sched.h>

namespace percpu::interleave {
namespace {

/** With only one CPU, both are that CPU. */
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

/** Removes the rows that were not asked for, whose index this kernel lacks, or that this CPU cannot run. */
void select(Setting& setting, const std::string& only) {
  std::vector<Section> kept;
  size_t without = 0;
  size_t foreign = 0;
  for (const Section& section : setting.sections) {
    if (section.name.find(only) == std::string::npos)
      continue;
    const char suffix[] = "_mm_cid";
    const size_t at = section.name.rfind(suffix);
    const bool by_mm_cid = at != std::string::npos && at + strlen(suffix) == section.name.size();
    if (!is_executable(section.name))
      foreign++;
    else if (by_mm_cid && !setting.with_mm_cid)
      without++;
    else
      kept.push_back(section);
  }
  setting.sections = kept;
  if (without != 0)
    setting.skipped.push_back(std::to_string(without) + " sections on mm_cid: the kernel has no concurrency ids");
  if (foreign != 0)
    setting.skipped.push_back(std::to_string(foreign) + " sections: the CPU has no AVX");
}

} // namespace

bool pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(cpu), &one);
  return sched_setaffinity(0, sizeof(one), &one) == 0;
}

const char* prepare(const std::string& only, Setting& setting) {
  const Registration registration = attach();
  if (registration.owner == Owner::none)
    return "no restartable sequences here: the kernel refused the registration";
  if (!choose_cpus(setting.home, setting.other))
    return "the CPUs that may be used cannot be read";
  pin(setting.home);
  setting.sections = read_sections();
  if (setting.sections.empty())
    return "no symbols: the program was stripped, or /proc is not mounted";
  if (!make_writable(setting.sections))
    return "the system does not let a program change its code";
  catch_traps();
  constexpr uint32_t kMmCidEnd = RSEQ_AREA_MM_CID + sizeof(uint32_t);
  setting.with_mm_cid = registration.usable_size >= kMmCidEnd;
  select(setting, only);
  return nullptr;
}

} // namespace percpu::interleave

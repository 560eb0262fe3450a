#include "../../rseq/membarrier.h"
#include "../../rseq/cpus.h"
#include "harness.h"

#include <sched.h>

using namespace percpu;
using namespace percpu::test;

TEST(fences_reach_every_possible_cpu) {
  const bool has_command = (membarrier::supported() & membarrier::private_expedited_rseq) != 0;
  CHECK_EQUAL(membarrier::enable(), has_command);
  CHECK_EQUAL(membarrier::enable(), has_command);
  if (!has_command)
    return skip("the kernel's membarrier has no fence for sections");
  for (const uint32_t cpu : {0u, possible_cpus() - 1, possible_cpus(), 1u << 20, membarrier::kAllCpus})
    CHECK(membarrier::fence(cpu));
}

TEST(visiting_a_cpu_leaves_the_affinity_as_it_was) {
  cpu_set_t before, after;
  CHECK_EQUAL(sched_getaffinity(0, sizeof(before), &before), 0);
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &before))
      CHECK(membarrier::fence_by_visiting(cpu));
  // The CPU does not exist, so nothing runs on it.
  CHECK(membarrier::fence_by_visiting(possible_cpus()));
  membarrier::fence_by_visiting();
  CHECK_EQUAL(sched_getaffinity(0, sizeof(after), &after), 0);
  CHECK(CPU_EQUAL(&before, &after));
}

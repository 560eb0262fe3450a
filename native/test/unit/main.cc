/**
 * The unit tests of native/rseq and native/percpu. They hold in every environment; what cannot be
 * seen in this one is skipped with the reason. Worth a run each:
 *
 *     unit                                        libc registers the threads, where it knows how to
 *     GLIBC_TUNABLES=glibc.pthread.rseq=0 unit    the library does
 *     unit --refuse-rseq                          the kernel refuses: everything overflows
 */
#include "place.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace percpu::test;

namespace {

int run_cases() {
  int passed = 0, failed = 0, skipped = 0;
  for (const Case& one : cases()) {
    state = {};
    one.run();
    if (state.failed) {
      failed++;
      std::cout << "FAILED " << one.name << '\n';
    } else if (state.skipped != nullptr) {
      skipped++;
      std::cout << "skipped " << one.name << ": " << state.skipped << '\n';
    } else {
      passed++;
    }
  }
  std::cout << passed << " passed, " << failed << " failed, " << skipped << " skipped\n";
  return failed == 0 && passed > 0 ? 0 : 1;
}

/** Starts the program anew in a process that never gets a registration, not even by libc. */
int run_refused(char* program) {
  char* arguments[] = {program, nullptr};
  if (refuse_rseq())
    execv("/proc/self/exe", arguments);
  perror("cannot refuse rseq");
  return 2;
}

} // namespace

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "--refuse-rseq") == 0)
    return run_refused(arguments[0]);
  std::cout << std::unitbuf; // A case that crashes leaves what it printed before.
  percpu::attach();          // If libc registers no threads, the cases on the main thread need it.
  const int status = run_cases();
  percpu::detach();
  return status;
}

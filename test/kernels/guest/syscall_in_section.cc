/**
 * @file
 * A system call inside an armed section: forbidden, and yet unnoticed by a kernel that is not made to
 * look (CONFIG_DEBUG_RSEQ). Such a kernel kills this program; that shows it would kill ours too.
 *
 * The "section" is libc's syscall(): its beginning, which holds the instruction.
 */
#include "../../../native/rseq/abi.h"
#include "../../../native/rseq/thread.h"

#include <cstdint>
#include <cstdio>
#include <sys/syscall.h>
#include <unistd.h>

// Should preemption fall into it by chance: the signature, and an abort handler that ends the program
// as if nothing had happened.
#define STRINGIFY(x) #x
#define TEXT(x) STRINGIFY(x)
#if defined(__x86_64__)
#define LEAVE "movl $60, %eax\n xorl %edi, %edi\n syscall\n"
#elif defined(__aarch64__)
#define LEAVE "mov x8, #93\n mov x0, #0\n svc #0\n"
#elif defined(__powerpc64__)
#define LEAVE "li 0, 1\n li 3, 0\n sc\n"
#endif
__asm__(".pushsection .text\n"
        ".balign 8\n"
        ".4byte " TEXT(RSEQ_SIGNATURE) "\n"
                                       "leave_after_abort:\n" LEAVE ".popsection\n");

extern "C" char leave_after_abort[];

namespace {

percpu::Descriptor descriptor = {0, 0, 0, 256, 0};

} // namespace

int main() {
  if (percpu::attach().owner == percpu::Owner::none) {
    std::puts("this thread is not registered for rseq");
    return 2;
  }
  descriptor.start_ip = reinterpret_cast<uint64_t>(&syscall);
  descriptor.abort_ip = reinterpret_cast<uint64_t>(leave_after_abort);
  percpu::Area* area = percpu::current_area();
  // Preemption after the arming disarms: one time of many is enough.
  for (int i = 0; i < 100; i++) {
    __atomic_store_n(&area->rseq_cs, reinterpret_cast<uint64_t>(&descriptor), __ATOMIC_SEQ_CST);
    syscall(SYS_getpid);
  }
  __atomic_store_n(&area->rseq_cs, 0, __ATOMIC_RELAXED);
  std::puts("the kernel did not notice");
  return 0;
}

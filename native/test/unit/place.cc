#include "place.h"

#include <cerrno>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <thread>

namespace percpu::test {

bool refuse(uint32_t system_call) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, system_call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool refuse_rseq() {
  return refuse(RSEQ_SYSCALL);
}

void on_thread(const std::function<void()>& body) {
  std::thread(body).join();
}

bool on_refused_thread(const std::function<void()>& body) {
  // A libc that registers its threads ends the process when the kernel refuses one of them.
  if (detail::adopted_from_libc)
    return false;
  bool refused = false;
  std::thread([&] {
    refused = refuse_rseq();
    if (refused)
      body();
  }).join();
  return refused;
}

} // namespace percpu::test

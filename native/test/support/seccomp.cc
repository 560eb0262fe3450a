#include "support.h"

#include <cerrno>
#include <cstddef>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

namespace test_support {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr uint32_t kRseqCall = 334;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t kRseqCall = 293;
#elif defined(__powerpc64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
constexpr uint32_t kRseqCall = 387;
#endif

} // namespace

Napi::Value refuse_rseq(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t error = info[0].ToNumber().Uint32Value();
  const uint32_t refuse = SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA);
  // if (arch == ours && number == rseq) refuse; else allow. A jump's numbers: to skip when true, when false.
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kRseqCall, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, refuse),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return fail(env, "seccomp", errno);
  return env.Undefined();
}

} // namespace test_support

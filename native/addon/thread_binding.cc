#include "thread_binding.h"

#include "../rseq/cpus.h"
#include "../rseq/membarrier.h"
#include "../rseq/thread.h"
#include "../rseq/verify.h"

#include <features.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace rseq {
namespace addon {
namespace {

const char* owner_name(Owner owner) {
  switch (owner) {
  case Owner::libc:
    return "libc";
  case Owner::self:
    return "self";
  case Owner::none:
    break;
  }
  return "none";
}

/** The version of the glibc that runs now, which may be newer than the one that this was built with; empty on musl. */
const char* glibc_version() {
#ifdef __GLIBC__
  return gnu_get_libc_version();
#else
  return "";
#endif
}

/** thread(): what the calling thread has. */
Napi::Value thread(const Napi::CallbackInfo& info) {
  const Registration now = registration();
  utsname kernel;
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("owner", owner_name(now.owner));
  result.Set("usableSize", now.usable_size);
  result.Set("error", now.error);
  result.Set("membarrier", membarrier::supported());
  result.Set("possibleCpus", possible_cpus());
  result.Set("kernel", uname(&kernel) == 0 ? kernel.release : "");
  result.Set("glibc", glibc_version());
  result.Set("threadId", static_cast<int32_t>(syscall(SYS_gettid)));
  return result;
}

/** getcpu(what): the system call, for fields that the thread's area lacks. 0 asks for the CPU, 1 for the node. */
Napi::Value get_cpu(const Napi::CallbackInfo& info) {
  unsigned cpu = 0, node = 0;
  syscall(SYS_getcpu, &cpu, &node, nullptr);
  const bool wants_node = info.Length() > 0 && info[0].IsNumber() && info[0].As<Napi::Number>().Int32Value() == 1;
  return Napi::Number::New(info.Env(), wants_node ? node : cpu);
}

/**
 * threadArea(): an Int32Array over the usable words of the calling thread's area; null where there
 * is none, or where the runtime refuses foreign memory (Electron). It must never leave the package:
 * on another thread, or after this one ended, it would read freed memory.
 */
Napi::Value thread_area(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Registration now = registration();
  if (now.owner == Owner::none)
    return env.Null();
  const size_t words = (now.usable_size < kAreaLength ? now.usable_size : kAreaLength) / sizeof(int32_t);
  napi_value memory;
  napi_value view;
  if (napi_create_external_arraybuffer(env, current_area(), words * sizeof(int32_t), nullptr, nullptr, &memory) !=
          napi_ok ||
      napi_create_typedarray(env, napi_int32_array, words, memory, 0, &view) != napi_ok)
    return env.Null();
  return Napi::Value(env, view);
}

/** The process's last self-test. One at a time: two would count each other's threads as preemption. */
Verification verify_alone(bool cached) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static Verification last;
  static bool has_last = false;
  pthread_mutex_lock(&lock);
  if (!cached || !has_last)
    last = verify();
  has_last = true;
  const Verification seen = last;
  pthread_mutex_unlock(&lock);
  return seen;
}

/** verify(cached): the self-test's figures. Blocks for about a quarter of a second, unless there are old ones to be
 * had. */
Napi::Value run_verify(const Napi::CallbackInfo& info) {
  const Verification seen = verify_alone(info[0].ToBoolean());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("passed", passed(seen));
  result.Set("error", static_cast<uint32_t>(seen.error));
  result.Set("systemError", seen.system_error);
  result.Set("cpu", seen.cpu);
  result.Set("signals", seen.signals);
  result.Set("signalAborts", seen.signal_aborts);
  result.Set("preemptionTries", seen.preemption_tries);
  result.Set("preemptionAborts", seen.preemption_aborts);
  result.Set("expected", static_cast<double>(seen.expected));
  result.Set("counted", static_cast<double>(seen.counted));
  result.Set("aborts", static_cast<double>(seen.aborts));
  result.Set("controlExpected", static_cast<double>(seen.control_expected));
  result.Set("controlCounted", static_cast<double>(seen.control_counted));
  return result;
}

/** fence(cpu): ends the sections that run on the CPU, or on all without one. False if there is no way. */
Napi::Value run_fence(const Napi::CallbackInfo& info) {
  const uint32_t cpu = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : membarrier::kAllCpus;
  return Napi::Boolean::New(info.Env(), membarrier::fence(cpu));
}

/** enableFences(): registers the process for membarrier's; false if the kernel has none. */
Napi::Value enable_fences(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), membarrier::enable());
}

} // namespace

void export_thread(Napi::Env env, Napi::Object exports) {
  // The hook runs on this very thread, also when a Worker is terminated: the kernel must not go on
  // writing into an area that is freed.
  attach();
  env.AddCleanupHook([] { detach(); });
  exports.Set("thread", Napi::Function::New<thread>(env, "thread"));
  exports.Set("threadArea", Napi::Function::New<thread_area>(env, "threadArea"));
  exports.Set("getCpu", Napi::Function::New<get_cpu>(env, "getCpu"));
  exports.Set("fence", Napi::Function::New<run_fence>(env, "fence"));
  exports.Set("enableFences", Napi::Function::New<enable_fences>(env, "enableFences"));
  exports.Set("verify", Napi::Function::New<run_verify>(env, "verify"));
}

} // namespace addon
} // namespace rseq

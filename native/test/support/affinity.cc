#include "support.h"

#include <cerrno>
#include <cstring>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace test_support {

Napi::Value fail(Napi::Env env, const char* call, int error) {
  Napi::Error::New(env, std::string(call) + ": " + strerror(error)).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value thread_id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(syscall(SYS_gettid)));
}

Napi::Value get_affinity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(info[0].ToNumber().Int32Value(), sizeof(allowed), &allowed) != 0)
    return fail(env, "sched_getaffinity", errno);
  Napi::Array cpus = Napi::Array::New(env);
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed))
      cpus.Set(cpus.Length(), cpu);
  return cpus;
}

Napi::Value set_affinity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array cpus = info[1].As<Napi::Array>();
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (uint32_t i = 0; i < cpus.Length(); i++)
    CPU_SET(cpus.Get(i).ToNumber().Uint32Value(), &wanted);
  if (sched_setaffinity(info[0].ToNumber().Int32Value(), sizeof(wanted), &wanted) == 0)
    return Napi::Boolean::New(env, true);
  return errno == ESRCH ? Napi::Boolean::New(env, false) : fail(env, "sched_setaffinity", errno);
}

} // namespace test_support

/**
 * @file
 * An addon for the tests only: what they need from the system and JavaScript cannot ask for.
 * test/support/addon.ts types it. It shares no code with the library it helps to test.
 */
#include "support.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace test_support;
  exports.Set("gettid", Napi::Function::New<thread_id>(env, "gettid"));
  exports.Set("getAffinity", Napi::Function::New<get_affinity>(env, "getAffinity"));
  exports.Set("setAffinity", Napi::Function::New<set_affinity>(env, "setAffinity"));
  exports.Set("plainAdd", Napi::Function::New<plain_add>(env, "plainAdd"));
  exports.Set("refuseRseq", Napi::Function::New<refuse_rseq>(env, "refuseRseq"));
  exports.Set("seriesAdd", Napi::Function::New<series_add>(env, "seriesAdd"));
  exports.Set("seriesObserve", Napi::Function::New<series_observe>(env, "seriesObserve"));
  exports.Set("seriesStart", Napi::Function::New<series_start>(env, "seriesStart"));
  exports.Set("seriesJoin", Napi::Function::New<series_join>(env, "seriesJoin"));
  return exports;
}

} // namespace

NODE_API_MODULE(test_support, init)

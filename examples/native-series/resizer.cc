// resize(images, megapixels, threads, count): C++ threads that update metrics, and a promise of their end.
#include <addon/series.h>
#include <node_api.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace {

struct Job {
  rseq::Series images;
  rseq::Series megapixels;
  uint32_t threads;
  uint32_t count;
  napi_async_work work;
  napi_deferred done;
  napi_ref kept[2]; ///< The objects behind the series, as long as the threads use them.
};

void work_through(const Job& job) {
  for (uint32_t k = 0; k < job.count; k++) {
    job.images.add(1);
    job.megapixels.observe(k % 20);
  }
}

void execute(napi_env, void* data) {
  const Job& job = *static_cast<Job*>(data);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < job.threads; i++)
    threads.emplace_back(work_through, std::cref(job));
  for (std::thread& thread : threads)
    thread.join();
}

void complete(napi_env env, napi_status, void* data) {
  Job* job = static_cast<Job*>(data);
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  napi_resolve_deferred(env, job->done, nothing);
  for (napi_ref one : job->kept)
    napi_delete_reference(env, one);
  napi_delete_async_work(env, job->work);
  delete job;
}

napi_value refuse(napi_env env, const char* what) {
  napi_throw_type_error(env, nullptr, what);
  return nullptr;
}

napi_value resize(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value args[4];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Job job = {};
  if (rseq::Series::open(env, args[0], job.images) != napi_ok ||
      rseq::Series::open(env, args[1], job.megapixels) != napi_ok)
    return refuse(env, "images, megapixels: expected objects of nativeSeries()");
  if (napi_get_value_uint32(env, args[2], &job.threads) != napi_ok || job.threads < 1 || job.threads > 64)
    return refuse(env, "threads: expected an integer from 1 to 64");
  if (napi_get_value_uint32(env, args[3], &job.count) != napi_ok)
    return refuse(env, "count: expected an integer");

  Job* own = new Job(job);
  napi_value name, promise;
  napi_create_reference(env, args[0], 1, &own->kept[0]);
  napi_create_reference(env, args[1], 1, &own->kept[1]);
  napi_create_string_utf8(env, "resizer", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &own->done, &promise);
  napi_create_async_work(env, nullptr, name, execute, complete, own, &own->work);
  napi_queue_async_work(env, own->work);
  return promise;
}

} // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "resize", NAPI_AUTO_LENGTH, resize, nullptr, &function);
  napi_set_named_property(env, exports, "resize", function);
  return exports;
}

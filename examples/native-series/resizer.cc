// resize(images, megapixels, threads, count): C++ threads that update metrics, and a promise of their end.
#include <addon/series.h>
#include <node_api.h>

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace {

struct Job {
  percpu::Series images;
  percpu::Series megapixels;
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

/** Gives back what the job has. Node-API refuses only what does not exist, so there is nothing to do about it. */
void release(napi_env env, Job* job) {
  for (napi_ref one : job->kept) {
    if (one != nullptr)
      napi_delete_reference(env, one);
  }
  if (job->work != nullptr)
    napi_delete_async_work(env, job->work);
  delete job;
}

void complete(napi_env env, napi_status, void* data) {
  Job* job = static_cast<Job*>(data);
  napi_value nothing;
  if (napi_get_undefined(env, &nothing) == napi_ok)
    napi_resolve_deferred(env, job->done, nothing);
  release(env, job);
}

napi_value refuse(napi_env env, const char* what) {
  napi_throw_type_error(env, nullptr, what);
  return nullptr;
}

napi_value resize(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value args[4];
  if (napi_get_cb_info(env, info, &argc, args, nullptr, nullptr) != napi_ok)
    return nullptr;
  Job job = {};
  if (percpu::Series::open(env, args[0], job.images) != napi_ok ||
      percpu::Series::open(env, args[1], job.megapixels) != napi_ok)
    return refuse(env, "images, megapixels: expected objects of nativeSeries()");
  if (napi_get_value_uint32(env, args[2], &job.threads) != napi_ok || job.threads < 1 || job.threads > 64)
    return refuse(env, "threads: expected an integer from 1 to 64");
  if (napi_get_value_uint32(env, args[3], &job.count) != napi_ok)
    return refuse(env, "count: expected an integer");

  Job* own = new Job(job);
  napi_value name, promise;
  if (napi_create_reference(env, args[0], 1, &own->kept[0]) != napi_ok ||
      napi_create_reference(env, args[1], 1, &own->kept[1]) != napi_ok ||
      napi_create_string_utf8(env, "resizer", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, own, &own->work) != napi_ok ||
      napi_create_promise(env, &own->done, &promise) != napi_ok || napi_queue_async_work(env, own->work) != napi_ok) {
    release(env, own);
    return refuse(env, "the work could not be started");
  }
  return promise;
}

} // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "resize", NAPI_AUTO_LENGTH, resize, nullptr, &function) != napi_ok ||
      napi_set_named_property(env, exports, "resize", function) != napi_ok)
    return nullptr;
  return exports;
}

// tick(bytes, threads, ticks): C++ threads that count on a PerCpuCounterArray, and a promise of their end.
#include <node_api.h>
#include <percpu/counter.h>
#include <rseq/thread.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace {

struct Job {
  percpu::Region region;
  uint32_t threads;
  uint32_t ticks;
  napi_async_work work;
  napi_deferred done;
  napi_ref bytes; ///< Keeps the memory as long as the threads write to it.
};

/** One thread's work. Every thread that wants sections says so at its start, and at its end. */
void count(const percpu::Region& region, uint32_t ticks) {
  percpu::attach();
  for (uint32_t i = 0; i < ticks; i++)
    percpu::counter_add(region, i % region.length, int64_t{1});
  percpu::detach();
}

void execute(napi_env, void* data) {
  const Job& job = *static_cast<Job*>(data);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < job.threads; i++)
    threads.emplace_back(count, std::cref(job.region), job.ticks);
  for (std::thread& thread : threads)
    thread.join();
}

void complete(napi_env env, napi_status, void* data) {
  Job* job = static_cast<Job*>(data);
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  napi_resolve_deferred(env, job->done, nothing);
  napi_delete_reference(env, job->bytes);
  napi_delete_async_work(env, job->work);
  delete job;
}

napi_value refuse(napi_env env, const char* what) {
  napi_throw_type_error(env, nullptr, what);
  return nullptr;
}

napi_value tick(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0;
  void* memory = nullptr;
  uint32_t threads = 0, ticks = 0;
  if (napi_get_typedarray_info(env, args[0], &type, &size, &memory, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array)
    return refuse(env, "bytes: expected a Uint8Array over counters.buffer");
  if (napi_get_value_uint32(env, args[1], &threads) != napi_ok || threads < 1 || threads > 64)
    return refuse(env, "threads: expected an integer from 1 to 64");
  if (napi_get_value_uint32(env, args[2], &ticks) != napi_ok)
    return refuse(env, "ticks: expected an integer");

  // Any thread can overwrite the buffer. open_region() checks it, and keeps its own copy of what it has checked.
  percpu::Region region = {};
  if (percpu::open_region(memory, size, percpu::Kind::counters, region) != percpu::RegionError::none ||
      region.element != percpu::Element::i64)
    return refuse(env, "bytes: expected the buffer of counters of type i64");

  Job* job = new Job{region, threads, ticks, nullptr, nullptr, nullptr};
  napi_value name, promise;
  napi_create_reference(env, args[0], 1, &job->bytes);
  napi_create_string_utf8(env, "ticker", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &job->done, &promise);
  napi_create_async_work(env, nullptr, name, execute, complete, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

} // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "tick", NAPI_AUTO_LENGTH, tick, nullptr, &function);
  napi_set_named_property(env, exports, "tick", function);
  return exports;
}

#include "stack_binding.h"

#include "../percpu/list.h"
#include "../percpu/stack.h"
#include "handles.h"

namespace rseq {
namespace addon {
namespace {

/**
 * An argument that TypeScript knows to be a number. Not ToNumber(): a Worker that is being terminated may not run
 * JavaScript, to which the conversion counts, but has to come to the end of this call.
 */
uint32_t number_at(const Napi::CallbackInfo& info, size_t position) {
  return info[position].As<Napi::Number>().Uint32Value();
}

/** The region named by the first argument, or null. TypeScript turns what is refused into an error. */
const Region* region_of(const Napi::CallbackInfo& info) {
  return find_region(number_at(info, 0), Kind::stack);
}

/** The same; but a pool's shards are stacks, too, and lists have the same operations. */
const Region* stacks_of(const Napi::CallbackInfo& info) {
  return find_stacks(number_at(info, 0));
}

/** What all here answer: a count, or a Status below 0. */
Napi::Value answer(const Napi::CallbackInfo& info, Status status, uint32_t count) {
  const double number = status == Status::ok ? count : -static_cast<double>(status);
  return Napi::Number::New(info.Env(), number);
}

/** An array argument, and how much of it is meant: the next argument, up to all. */
struct Values {
  double* data;
  uint32_t count;
};

Values values_at(const Napi::CallbackInfo& info, size_t position) {
  Napi::Float64Array array = info[position].As<Napi::Float64Array>();
  const size_t length = array.ElementLength();
  const uint32_t wanted = number_at(info, position + 1);
  return {array.Data(), wanted < length ? wanted : static_cast<uint32_t>(length)};
}

/** stackPushMany(handle, values, count) and stackPopMany(handle, into, count): how many were pushed or popped. */
template <auto function> Napi::Value many(const Napi::CallbackInfo& info) {
  const Region* region = region_of(info);
  if (region == nullptr)
    return answer(info, Status::bad_handle, 0);
  Values values = values_at(info, 1);
  const Status status = function(*region, values.data, values.count);
  return answer(info, status, values.count);
}

/** The operation on stacks, or the same on lists. */
template <auto stacks, auto lists> auto of(const Region& region) {
  return region.kind == Kind::list ? lists : stacks;
}

/** stackSize(handle, shard): how many values a shard has. */
Napi::Value size(const Napi::CallbackInfo& info) {
  const Region* region = stacks_of(info);
  const uint32_t shard = number_at(info, 1);
  uint32_t count = 0;
  if (region == nullptr || shard > region->shards)
    return answer(info, region == nullptr ? Status::bad_handle : Status::out_of_range, 0);
  const Status status = of<stack_size, list_size>(*region)(*region, shard, count);
  return answer(info, status, count);
}

/** stackStop(handle, shard) and stackResume(handle, shard). */
template <auto stacks, auto lists> Napi::Value own(const Napi::CallbackInfo& info) {
  const Region* region = stacks_of(info);
  const auto function = region == nullptr ? nullptr : of<stacks, lists>(*region);
  return answer(info, region == nullptr ? Status::bad_handle : function(*region, number_at(info, 1)), 0);
}

/**
 * stackGive(handle, shard, values, count, owned) and stackTake(handle, shard, into, count, owned): how many were given
 * or taken. The calling thread is the shard's owner, if `owned`, or becomes it for this.
 */
template <auto stacks, auto lists> Napi::Value as_owner(const Napi::CallbackInfo& info) {
  const Region* region = stacks_of(info);
  if (region == nullptr)
    return answer(info, Status::bad_handle, 0);
  const uint32_t shard = number_at(info, 1);
  const bool owned = info[4].As<Napi::Boolean>();
  Values values = values_at(info, 2);
  Status status = owned ? Status::ok : of<stack_stop, list_stop>(*region)(*region, shard);
  if (status != Status::ok)
    return answer(info, status, 0);
  status = of<stacks, lists>(*region)(*region, shard, values.data, values.count);
  if (!owned)
    of<stack_resume, list_resume> (*region)(*region, shard);
  return answer(info, status, values.count);
}

} // namespace

void export_stacks(Napi::Env env, Napi::Object exports) {
  Napi::Object stacks = Napi::Object::New(env);
  stacks.Set("pushMany", Napi::Function::New<many<stack_push_many>>(env, "stackPushMany"));
  stacks.Set("popMany", Napi::Function::New<many<stack_pop_many>>(env, "stackPopMany"));
  stacks.Set("size", Napi::Function::New<size>(env, "stackSize"));
  stacks.Set("stop", Napi::Function::New<own<stack_stop, list_stop>>(env, "stackStop"));
  stacks.Set("resume", Napi::Function::New<own<stack_resume, list_resume>>(env, "stackResume"));
  stacks.Set("give", Napi::Function::New<as_owner<stack_give, list_give>>(env, "stackGive"));
  stacks.Set("take", Napi::Function::New<as_owner<stack_take, list_take>>(env, "stackTake"));
  exports.Set("stacks", stacks);
}

} // namespace addon
} // namespace rseq

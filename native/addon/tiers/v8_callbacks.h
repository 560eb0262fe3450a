/**
 * @file
 * Both callbacks of an operation for V8, and the JavaScript function that calls them. v8_tier.cc makes them for the
 * table in operations.h, and the benchmark for an operation of its own.
 */
#ifndef RSEQ_ADDON_V8_CALLBACKS_H
#define RSEQ_ADDON_V8_CALLBACKS_H

#include "../js.h"
#include "conversions.h"
#include "v8_fast_call.h"

#include <cstring>
#include <utility>

namespace percpu {
namespace addon {

template <typename Number> constexpr v8::CTypeInfo::Type v8_type_of();
template <> constexpr v8::CTypeInfo::Type v8_type_of<int32_t>() {
  return v8::CTypeInfo::Type::int32;
}
template <> constexpr v8::CTypeInfo::Type v8_type_of<uint32_t>() {
  return v8::CTypeInfo::Type::uint32;
}
template <> constexpr v8::CTypeInfo::Type v8_type_of<double>() {
  return v8::CTypeInfo::Type::float64;
}

/** How many calls on this thread did not come from optimized code. All other calls were fast calls. */
extern thread_local uint32_t slow_calls;

/** Both callbacks of one operation, and the type with which V8 compares calls. */
template <auto function> struct V8Callbacks;

template <typename Result, typename... Arguments, Result (*function)(Arguments...) noexcept>
struct V8Callbacks<function> {
  static constexpr v8::CTypeInfo argument_types[] = {v8::CTypeInfo(v8::CTypeInfo::Type::value),
                                                     v8::CTypeInfo(v8_type_of<Arguments>())...};
  static constexpr v8::CFunctionInfo type{v8::CTypeInfo(v8_type_of<Result>()), 1 + sizeof...(Arguments),
                                          argument_types};

  /** Optimized code calls this, with converted arguments. */
  static Result fast(v8::Local<v8::Value>, Arguments... arguments) noexcept { return function(arguments...); }

  /** All other calls come here: from the interpreter, from code that is not optimized yet, or with odd arguments. */
  static void slow(const v8::FunctionCallbackInfo<v8::Value>& info) noexcept {
    slow_calls++;
    run(info, std::index_sequence_for<Arguments...>{});
  }

private:
  template <size_t... position>
  static void run(const v8::FunctionCallbackInfo<v8::Value>& info, std::index_sequence<position...>) noexcept {
    const v8::Local<v8::Context> context = v8::Isolate::GetCurrent()->GetCurrentContext();
    double values[sizeof...(Arguments)];
    // Converts in order, up to the first argument that throws (a BigInt, a valueOf); then the exception is pending.
    const bool converted = (info[position]->NumberValue(context).To(&values[position]) && ...);
    if (converted)
      info.GetReturnValue().Set(function(convert<Arguments>(values[position])...));
  }
};

/** Visitor for for_each_operation(): puts every operation on `target`. */
class V8Tier {
public:
  explicit V8Tier(Object& target) noexcept : target(target) {}

  template <auto function> void operation(const char* name) noexcept {
    target.value(name, make<V8Callbacks<function>>(name));
  }

private:
  /** Makes the JavaScript function. Null in a Worker that is being terminated, as V8 refuses. */
  template <typename Callbacks> static napi_value make(const char* name) noexcept {
    v8::Isolate* isolate = v8::Isolate::GetCurrent();
    const v8::CFunction fast(reinterpret_cast<const void*>(&Callbacks::fast), &Callbacks::type);
    const v8::Local<v8::FunctionTemplate> made =
        v8::FunctionTemplate::New(isolate, Callbacks::slow, v8::Local<v8::Value>(), v8::Local<v8::Signature>(), 0,
                                  v8::ConstructorBehavior::kThrow, v8::SideEffectType::kHasSideEffect, &fast);
    v8::Local<v8::Function> callback;
    v8::Local<v8::String> text;
    if (made.IsEmpty() || !made->GetFunction(isolate->GetCurrentContext()).ToLocal(&callback) ||
        !v8::String::NewFromUtf8(isolate, name).ToLocal(&text))
      return nullptr;
    callback->SetName(text);
    // Node-API represents a napi_value as a Local.
    napi_value value;
    static_assert(sizeof(napi_value) == sizeof(callback));
    memcpy(&value, &callback, sizeof(napi_value));
    return value;
  }

  Object& target;
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_V8_CALLBACKS_H

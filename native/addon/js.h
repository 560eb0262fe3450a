/**
 * @file
 * Node-API with every status checked.
 *
 * Node-API may refuse any call. In a Worker that is being terminated it refuses most calls, and does not set their
 * results. Therefore every call of Node-API is an argument of succeeded(), whose result a caller must use, or of
 * ignored(). scripts/check-node-api.mjs finds calls that are neither.
 */
#ifndef RSEQ_ADDON_JS_H
#define RSEQ_ADDON_JS_H

#include <cstddef>
#include <cstdint>
#include <node_api.h>

namespace percpu {
namespace addon {

class Environment;

/** Whether a Node-API call succeeded. If not, its results are not set and must not be used. */
[[nodiscard]] inline bool succeeded(napi_status status) noexcept {
  return status == napi_ok;
}

/** Marks a call that releases something or throws: if Node-API refuses it, the caller can do nothing more. */
inline void ignored(napi_status) noexcept {}

/** A Uint8Array's memory. A detached one has length 0. */
struct Bytes {
  unsigned char* data;
  size_t length;
  napi_value value;
};

/** A Float64Array's memory. */
struct Doubles {
  double* data;
  size_t length; ///< In elements.
};

/** A BigInt64Array's memory. */
struct Integers {
  int64_t* data;
  size_t length; ///< In elements.
};

/** An Int32Array's memory. */
struct Words {
  int32_t* data;
  size_t length; ///< In elements.
  napi_value value;
};

/** An ArrayBuffer's memory. */
struct Memory {
  unsigned char* data;
  size_t length; ///< In bytes.
  napi_value value;
};

/** The arguments of one call from JavaScript, and functions that make its result. A null result is JavaScript's
 * undefined. */
class Call {
public:
  Call(napi_env env, napi_callback_info info) noexcept : env(env) {
    size_t count = kMostArguments;
    is_sound = succeeded(napi_get_cb_info(env, info, &count, values, &receiver, &data));
  }

  /** False if Node-API refused the arguments: then no other member may be called. */
  explicit operator bool() const noexcept { return is_sound; }

  /** The environment that the called function belongs to. */
  Environment& environment() const noexcept { return *static_cast<Environment*>(data); }

  /**
   * Reads the first arguments, each as the type of its variable. It converts nothing, as a conversion may run
   * JavaScript. False if an argument has another type; then the variables are undefined.
   */
  template <typename... Wanted> [[nodiscard]] bool read(Wanted&... into) const noexcept {
    static_assert(sizeof...(Wanted) <= kMostArguments);
    size_t position = 0;
    return (read_one(values[position++], into) && ...);
  }

  napi_value number(double value) const noexcept {
    napi_value made;
    return succeeded(napi_create_double(env, value, &made)) ? made : nullptr;
  }
  napi_value boolean(bool value) const noexcept {
    napi_value made;
    return succeeded(napi_get_boolean(env, value, &made)) ? made : nullptr;
  }
  napi_value bigint(int64_t value) const noexcept {
    napi_value made;
    return succeeded(napi_create_bigint_int64(env, value, &made)) ? made : nullptr;
  }
  napi_value null() const noexcept {
    napi_value made;
    return succeeded(napi_get_null(env, &made)) ? made : nullptr;
  }

  napi_env env;
  napi_value receiver = nullptr;

private:
  static constexpr size_t kMostArguments = 11;

  bool read_one(napi_value value, uint32_t& into) const noexcept {
    return succeeded(napi_get_value_uint32(env, value, &into));
  }
  bool read_one(napi_value value, double& into) const noexcept {
    return succeeded(napi_get_value_double(env, value, &into));
  }
  bool read_one(napi_value value, bool& into) const noexcept {
    return succeeded(napi_get_value_bool(env, value, &into));
  }
  bool read_one(napi_value value, int64_t& into) const noexcept {
    bool is_lossless = false;
    return succeeded(napi_get_value_bigint_int64(env, value, &into, &is_lossless)) && is_lossless;
  }
  bool read_one(napi_value value, Bytes& into) const noexcept {
    void* memory = nullptr;
    into.value = value;
    const bool is_read = read_array(value, napi_uint8_array, memory, into.length);
    into.data = static_cast<unsigned char*>(memory);
    return is_read;
  }
  bool read_one(napi_value value, Doubles& into) const noexcept {
    void* memory = nullptr;
    const bool is_read = read_array(value, napi_float64_array, memory, into.length);
    into.data = static_cast<double*>(memory);
    return is_read;
  }
  bool read_one(napi_value value, Integers& into) const noexcept {
    void* memory = nullptr;
    const bool is_read = read_array(value, napi_bigint64_array, memory, into.length);
    into.data = static_cast<int64_t*>(memory);
    return is_read;
  }
  bool read_one(napi_value value, Words& into) const noexcept {
    void* memory = nullptr;
    into.value = value;
    const bool is_read = read_array(value, napi_int32_array, memory, into.length);
    into.data = static_cast<int32_t*>(memory);
    return is_read;
  }
  bool read_one(napi_value value, Memory& into) const noexcept {
    void* memory = nullptr;
    into.value = value;
    const bool is_read = succeeded(napi_get_arraybuffer_info(env, value, &memory, &into.length));
    into.data = static_cast<unsigned char*>(memory);
    return is_read;
  }
  bool read_array(napi_value value, napi_typedarray_type wanted, void*& memory, size_t& length) const noexcept {
    bool is_array = false;
    napi_typedarray_type type;
    return succeeded(napi_is_typedarray(env, value, &is_array)) && is_array &&
           succeeded(napi_get_typedarray_info(env, value, &type, &length, &memory, nullptr, nullptr)) && type == wanted;
  }

  napi_value values[kMostArguments];
  void* data = nullptr;
  bool is_sound;
};

/** The Node-API callback of `function`. Returns undefined if Node-API refuses the arguments. */
template <auto function> napi_value callback_of(napi_env env, napi_callback_info info) noexcept {
  const Call call(env, info);
  return call ? function(call) : nullptr;
}

/** Builds a JavaScript object. If a step fails, the value is null and later steps do nothing. */
class Object {
public:
  explicit Object(napi_env env) noexcept : env(env) {
    if (!succeeded(napi_create_object(env, &made)))
      made = nullptr;
  }
  Object(napi_env env, napi_value existing) noexcept : env(env), made(existing) {}

  /** Null if a step failed. */
  napi_value value() const noexcept { return made; }

  Object& value(const char* name, napi_value value) noexcept {
    if (made != nullptr && (value == nullptr || !succeeded(napi_set_named_property(env, made, name, value))))
      made = nullptr;
    return *this;
  }
  Object& number(const char* name, double number) noexcept {
    napi_value value;
    return this->value(name, succeeded(napi_create_double(env, number, &value)) ? value : nullptr);
  }
  Object& boolean(const char* name, bool boolean) noexcept {
    napi_value value;
    return this->value(name, succeeded(napi_get_boolean(env, boolean, &value)) ? value : nullptr);
  }
  Object& text(const char* name, const char* text) noexcept {
    napi_value value;
    return this->value(name, succeeded(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value)) ? value : nullptr);
  }

  Object& null(const char* name) noexcept {
    napi_value value;
    return this->value(name, succeeded(napi_get_null(env, &value)) ? value : nullptr);
  }

  /** Adds a property that is a function: `run` takes a Call and returns a napi_value. */
  template <auto run> Object& function(const char* name, Environment& environment) noexcept {
    napi_value value;
    return this->value(
        name, succeeded(napi_create_function(env, name, NAPI_AUTO_LENGTH, callback_of<run>, &environment, &value))
                  ? value
                  : nullptr);
  }

  /** Adds a property whose getter is `run`, which may replace it. */
  template <auto run> Object& getter(const char* name, Environment& environment) noexcept {
    napi_property_descriptor property = {};
    property.utf8name = name;
    property.getter = callback_of<run>;
    property.attributes = napi_configurable;
    property.data = &environment;
    if (made != nullptr && !succeeded(napi_define_properties(env, made, 1, &property)))
      made = nullptr;
    return *this;
  }

private:
  napi_env env;
  napi_value made;
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_JS_H

/**
 * @file
 * V8's description of a fast call, as far as this addon uses it.
 *
 * No Node header set has `v8-fast-api-calls.h` (nodejs/node#43619), but V8 takes such a description
 * in FunctionTemplate::New. It is plain data that V8 reads in its compiler thread, where a wrong layout ends the
 * process. These declarations are therefore used only for the tested module versions. The layouts come from V8's header
 * of the versions 11.3 (Node 20), 12.4 (22), 13.6 (24) and 14.6 (26).
 */
#ifndef RSEQ_ADDON_V8_FAST_CALL_H
#define RSEQ_ADDON_V8_FAST_CALL_H

#include <v8.h>

#include <cstddef>
#include <cstdint>

namespace v8 {

/** The type of an argument or a result. */
class CTypeInfo {
public:
  enum class Type : uint8_t { none = 0, int32 = 3, uint32 = 4, float64 = 8, value = 10 };

  constexpr explicit CTypeInfo(Type type) : type(type) {}

  Type type;
#if V8_MAJOR_VERSION < 14
  uint8_t sequence_type = 0; ///< Scalar.
#endif
  uint8_t flags = 0; ///< None: integers convert modulo 2^32.
};

/** A function's type. V8 keeps a pointer to it, so it must have static storage. */
class CFunctionInfo {
public:
  constexpr CFunctionInfo(CTypeInfo result, unsigned argument_count, const CTypeInfo* arguments)
      : result(result), argument_count(argument_count), arguments(arguments) {}

  CTypeInfo result;
#if V8_MAJOR_VERSION >= 12
  uint8_t int64_representation = 0; ///< Number. No 64-bit integers are passed here.
#endif
  unsigned argument_count;
  const CTypeInfo* arguments; ///< The receiver first.
};

/** A function and its type. V8 copies both pointers. */
class CFunction {
public:
  constexpr CFunction(const void* address, const CFunctionInfo* type) : address(address), type(type) {}

  const void* address;
  const CFunctionInfo* type;
};

#if V8_MAJOR_VERSION >= 14
static_assert(sizeof(CTypeInfo) == 2);
#else
static_assert(sizeof(CTypeInfo) == 3);
#endif
static_assert(alignof(CTypeInfo) == 1);
static_assert(sizeof(CFunctionInfo) == 16 && alignof(CFunctionInfo) == 8);
static_assert(offsetof(CFunctionInfo, argument_count) == 4);
static_assert(offsetof(CFunctionInfo, arguments) == 8);
static_assert(sizeof(CFunction) == 16 && offsetof(CFunction, type) == 8);

} // namespace v8

namespace percpu {
namespace addon {

/** The Node version that the binary is built for, by module version; 0 for one that was not tested. */
constexpr uint32_t node_major_of(uint32_t abi) {
  switch (abi) {
  case 115:
    return 20;
  case 127:
    return 22;
  case 137:
    return 24;
  case 147:
    return 26;
  default:
    return 0;
  }
}

static_assert(node_major_of(RSEQ_NODE_ABI) != 0, "V8's fast-call layout is not known for this Node version");

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_V8_FAST_CALL_H

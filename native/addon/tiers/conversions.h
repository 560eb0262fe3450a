/**
 * @file
 * JavaScript's number conversions, for every way into the addon.
 */
#ifndef RSEQ_ADDON_CONVERSIONS_H
#define RSEQ_ADDON_CONVERSIONS_H

#include <cstdint>
#include <cstring>

namespace percpu {
namespace addon {

/**
 * ECMAScript ToUint32: the integer part modulo 2^32; NaN and infinities become 0. V8's fast calls convert like this.
 * For values out of range it computes with bits: fmod would require the newest libm that the binary is linked with.
 */
inline uint32_t to_uint32(double value) noexcept {
  if (value > -1.0 && value < 4294967296.0)
    return static_cast<uint32_t>(value);
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1075; // value = mantissa * 2^exponent
  const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  // At 2^84 and above (NaN and infinities too) all of the lowest 32 bits are 0; below 2^0 was handled.
  if (exponent >= 32)
    return 0;
  const uint32_t magnitude = static_cast<uint32_t>(exponent >= 0 ? mantissa << exponent : mantissa >> -exponent);
  return bits >> 63 != 0 ? 0 - magnitude : magnitude;
}

/** One argument, as the operation's type. */
template <typename To> inline To convert(double value) noexcept;
template <> inline double convert<double>(double value) noexcept {
  return value;
}
template <> inline uint32_t convert<uint32_t>(double value) noexcept {
  return to_uint32(value);
}
template <> inline int32_t convert<int32_t>(double value) noexcept {
  return static_cast<int32_t>(to_uint32(value));
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_CONVERSIONS_H

#include "region_binding.h"

#include "../percpu/arena.h"
#include "../percpu/region.h"
#include "environment.h"

namespace percpu {
namespace addon {
namespace {

/**
 * formatRegion(bytes, kind, element, index, writers, shards, length, policy, units, unitSize, isChecked): a
 * RegionError.
 */
napi_value format(const Call& call) noexcept {
  Bytes bytes;
  RegionSpec spec;
  uint32_t kind, element, index, writers, policy;
  if (!call.read(bytes, kind, element, index, writers, spec.shards, spec.length, policy, spec.units, spec.unit_size,
                 spec.is_checked))
    return nullptr;
  spec.kind = static_cast<Kind>(kind);
  spec.element = static_cast<Element>(element);
  spec.index = static_cast<Index>(index);
  spec.writers = static_cast<Writers>(writers);
  spec.policy = static_cast<Policy>(policy);
  return call.number(static_cast<uint32_t>(format_region(bytes.data, bytes.length, spec)));
}

/** Whether open regions of this kind have handles. For all other kinds, seats have handles. */
bool has_handles(Kind kind) noexcept {
  return kind == Kind::counters || kind == Kind::stack || kind == Kind::list || kind == Kind::pool ||
         kind == Kind::heap;
}

/**
 * openRegion(bytes, kind): the open region, or the number of a RegionError. The result's `keeper`
 * keeps the memory and the handle; both are released when it is collected or when the environment ends.
 */
napi_value open(const Call& call) noexcept {
  Bytes bytes;
  uint32_t number;
  if (!call.read(bytes, number))
    return nullptr;
  const Kind kind = static_cast<Kind>(number);
  Region region = {};
  const RegionError error = has_handles(kind) ? open_region(bytes.data, bytes.length, kind, region) : RegionError::kind;
  if (error != RegionError::none)
    return call.number(static_cast<uint32_t>(error));
  const Opened opened = call.environment().open(regions, number, region, bytes.value, bytes.length);
  if (opened.handle == 0)
    return opened.is_full ? call.number(kNoHandleLeft) : nullptr;
  return Object(call.env)
      .number("handle", opened.handle)
      .number("element", static_cast<uint32_t>(region.element))
      .number("index", static_cast<uint32_t>(region.index))
      .number("writers", static_cast<uint32_t>(region.writers))
      .number("shards", region.shards)
      .number("length", region.length)
      .number("units", has_arena(kind) ? region.units : 0)
      .number("unitSize", has_arena(kind) ? region.unit_size : 0)
      .boolean("isChecked", region.is_checked)
      .boolean("isShared", region.service != 0)
      .number("firstWord", static_cast<double>(unit_words(region) - bytes.data))
      .value("keeper", opened.keeper)
      .value();
}

/** close(handle): closes a handle of this environment, of any kind; false if it is not open. */
napi_value close(const Call& call) noexcept {
  uint32_t handle;
  return call.boolean(call.read(handle) && call.environment().close(handle));
}

/** openHandles(): how many handles the process has open, for leak tests. */
napi_value open_count(const Call& call) noexcept {
  return call.number(open_handles());
}

} // namespace

void export_regions(Environment& environment, Object& exports) noexcept {
  exports.function<format>("formatRegion", environment)
      .function<open>("openRegion", environment)
      .function<close>("close", environment)
      .function<open_count>("openHandles", environment);
}

} // namespace addon
} // namespace percpu

#include "paths_units.h"

#include "../../percpu/list.h"

namespace percpu::kill_test {
namespace {

const char* judge_all(const std::vector<uint32_t>& units) {
  const std::set<uint32_t> different(units.begin(), units.end());
  if (different.size() != units.size())
    return "a unit has two owners";
  return different.size() == kUnits ? nullptr : "a unit is lost";
}

class ListPath : public Path {
public:
  explicit ListPath(bool is_checked) : Path(units_spec(Kind::list, kListLength, is_checked)) {
    for (uint32_t node = 0; node < kUnits; node++)
      list_push(region, node);
    test::Child dead([&] {
      take(region, kHeld);
      return static_cast<uint64_t>(list_stop(region, region.shards)) |
             static_cast<uint64_t>(list_stop(region, this_cpu()));
    });
    dead.end();
    keep();
  }

  void act() override {
    const Region own = opened();
    for (const uint32_t node : take(own, 4))
      list_push(own, node);
    uint32_t count = 0;
    list_reclaim(own, count);
  }

  const char* judge() override {
    uint32_t count = 0;
    if (list_reclaim(region, count) != Status::ok)
      return "nothing can be given back";
    return judge_all(take(region, 2 * kUnits));
  }

private:
  static std::vector<uint32_t> take(const Region& from, uint32_t most) {
    std::vector<uint32_t> nodes;
    uint32_t node = 0;
    while (nodes.size() < most && list_pop(from, node) == Status::ok)
      nodes.push_back(node);
    return nodes;
  }
};

template <typename Kind, bool is_checked> struct Checked : Kind {
  Checked() : Kind(is_checked) {}
};

const PathRows rows({
    {"pool", make_path<Checked<PoolPath, false>>},
    {"checked pool", make_path<Checked<PoolPath, true>>},
    {"list", make_path<Checked<ListPath, false>>},
    {"checked list", make_path<Checked<ListPath, true>>},
});

} // namespace

PoolPath::PoolPath(bool is_checked) : Path(units_spec(Kind::pool, kStackHead + kCache, is_checked)) {
  const auto word = [&](uint32_t i) { return word_at<double>(region, region.shards, i); };
  *word_at<uint64_t>(region, region.shards, 0) = kUnits;
  for (uint32_t block = 0; block < kUnits; block++)
    *word(kStackHead + block) = block;
  test::Child dead([&] {
    take(region, kHeld);
    return static_cast<uint64_t>(stack_stop(region, region.shards)) |
           static_cast<uint64_t>(stack_stop(region, this_cpu()));
  });
  dead.end();
  keep();
}

/** Moves blocks in both directions, and gives back what the dead process held. */
void PoolPath::act() {
  const Region own = opened();
  const std::vector<uint32_t> blocks = take(own, kCache + 4);
  for (const uint32_t block : blocks)
    pool_free(own, block);
  uint32_t count = 0;
  pool_flush(own, this_cpu(), count);
  pool_reclaim(own, count);
}

const char* PoolPath::judge() {
  uint32_t count = 0;
  if (pool_reclaim(region, count) != Status::ok)
    return "nothing can be given back";
  return judge_all(take(region, 2 * kUnits));
}

std::vector<uint32_t> PoolPath::take(const Region& from, uint32_t most) const {
  std::vector<uint32_t> blocks;
  uint32_t block = 0;
  while (blocks.size() < most && pool_alloc(from, block) == Status::ok)
    blocks.push_back(block);
  return blocks;
}

} // namespace percpu::kill_test

#include "stopped_shard.h"

namespace percpu {
namespace stopped_shard {

Obstacle stop_obstacle(const Region& region, uint32_t shard) noexcept {
  uint64_t* word = stop_word(region, shard);
  if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0)
    return Obstacle::none;
  return resume_abandoned(region, shard, word) ? Obstacle::none : Obstacle::stopped;
}

} // namespace stopped_shard
} // namespace percpu

// Operations that are broken on purpose. interleave-mutants must report each of them, and nothing else; kill-mutants
// those whose sections are broken.
#include "../retry.h"

namespace percpu::interleave {
namespace {

using AddSection = asm_sections::LoadAddStore;

extern "C" {
AddSection rseq_mutant_commits_twice_cpu_id, rseq_mutant_commits_twice_mm_cid;
AddSection rseq_mutant_goes_on_cpu_id, rseq_mutant_goes_on_mm_cid;
AddSection rseq_mutant_stores_both_cpu_id, rseq_mutant_stores_both_mm_cid;
}

struct Shard {
  int64_t value;
  int64_t second; ///< Only `stores_both` adds to it.
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory&, Index, uint32_t) {}

const Structure mutant = {"mutant", size, 1, set_up, nullptr};

Answer add_model(const Call& call, uint32_t shard) {
  call.memory.shard<Shard>(shard).value += call.role + 1;
  return 0;
}

Answer add_to_both_model(const Call& call, uint32_t shard) {
  call.memory.shard<Shard>(shard).second += call.role + 1;
  return add_model(call, shard);
}

/** An addition by a section that is wrong in itself. */
template <AddSection* by_cpu_id, AddSection* by_mm_cid, Answer (*model)(const Call&, uint32_t) = add_model>
Answer add(const Call& call) {
  return retry(call, model, [&](const Here& here, Answer&) {
    int64_t* value = &call.memory.shard<Shard>(here.index).value;
    return asm_sections::run(by_cpu_id, by_mm_cid, here, value, int64_t{call.role} + 1);
  });
}

/** A correct section, used wrongly: an abort counts as success. */
Answer add_and_ignore_abort(const Call& call) {
  return retry(call, add_model, [&](const Here& here, Answer&) {
    const Outcome outcome = load_add_store(here, &call.memory.shard<Shard>(here.index).value, int64_t{call.role} + 1);
    return outcome == Outcome::aborted ? Outcome::done : outcome;
  });
}

/** A correct section, used wrongly: a new try uses the shard of the first try, even if the thread has moved. */
Answer add_to_stale_shard(const Call& call) {
  int64_t* value = &call.memory.shard<Shard>(here(call.index).index).value;
  return retry(call, add_model,
               [&](const Here& here, Answer&) { return load_add_store(here, value, int64_t{call.role} + 1); });
}

/** A correct section, used wrongly: the stored value comes from a value that the section does not compare. */
Answer add_to_stale_value(const Call& call) {
  return retry(call, add_model, [&, first = true, sum = int64_t{0}](const Here& here, Answer&) mutable {
    int64_t& value = call.memory.shard<Shard>(here.index).value;
    if (first)
      sum = read(value) + call.role + 1;
    first = false;
    return load_cbne_store(here, &value, read(value), sum);
  });
}

const Rows rows({
    {"commits_twice", &mutant, add<rseq_mutant_commits_twice_cpu_id, rseq_mutant_commits_twice_mm_cid>, add_model,
     kAttempts, false, true},
    {"goes_on", &mutant, add<rseq_mutant_goes_on_cpu_id, rseq_mutant_goes_on_mm_cid>, add_model, kAttempts, false,
     true},
    {"stores_both", &mutant, add<rseq_mutant_stores_both_cpu_id, rseq_mutant_stores_both_mm_cid, add_to_both_model>,
     add_to_both_model, kAttempts, false, true},
    {"ignores_abort", &mutant, add_and_ignore_abort, add_model, kAttempts, false, true},
    {"stale_shard", &mutant, add_to_stale_shard, add_model, kAttempts, false, true},
    {"stale_value", &mutant, add_to_stale_value, add_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave

#include "worker.h"

#include <csignal>
#include <ctime>
#include <sched.h>

namespace percpu::stress {
namespace {

/** The control's area. Thread-local in the program itself, so it lies at one offset in all threads. */
thread_local Area fake = {0, UINT32_MAX, 0, 0, 0, 0, 0};

bool adopted;
ptrdiff_t offset;

bool is_due(uint64_t number, uint32_t every) {
  return every != 0 && number % every == 0;
}

} // namespace

void use_fake_areas(bool on) {
  if (on) {
    adopted = detail::adopted_from_libc;
    offset = detail::libc_offset;
    detail::adopted_from_libc = true;
    detail::libc_offset = reinterpret_cast<char*>(&fake) - thread_pointer();
  } else {
    detail::adopted_from_libc = adopted;
    detail::libc_offset = offset;
  }
}

Counts& Counts::operator+=(const Counts& other) {
  steps += other.steps;
  taken += other.taken;
  sections += other.sections;
  aborts += other.aborts;
  moves += other.moves;
  mismatches += other.mismatches;
  inconsistent += other.inconsistent;
  overflows += other.overflows;
  return *this;
}

Worker::Worker(const Options& use, uint32_t as, uint32_t shard_count, bool is_armed)
    : options(use), number(as), shards(shard_count), armed(is_armed), real(current_area()) {}

void Worker::prepare() {
  disturb();
  if (armed)
    return;
  fake.cpu_id = __atomic_load_n(&real->cpu_id, __ATOMIC_RELAXED);
  fake.mm_cid = __atomic_load_n(&real->mm_cid, __ATOMIC_RELAXED);
}

void Worker::disturb() {
  disturbances++;
  if (is_due(disturbances, options.yield_every))
    sched_yield();
  if (is_due(disturbances, options.signal_every))
    raise(SIGUSR1);
  if (is_due(disturbances, options.sleep_every)) {
    const timespec moment = {0, 1000};
    nanosleep(&moment, nullptr);
  }
}

bool Worker::count(Outcome outcome) {
  counts.aborts += outcome == Outcome::aborted;
  counts.moves += outcome == Outcome::moved;
  counts.mismatches += outcome == Outcome::compare_failed;
  counts.inconsistent += outcome == Outcome::inconsistent;
  return outcome == Outcome::done;
}

} // namespace percpu::stress

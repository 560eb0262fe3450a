/* A program in C11 that uses every structure of percpu_c.h from several threads, and checks the totals. */
#include <percpu/percpu_c.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, TURNS = 20000, UNITS = 64, RECORDS = 100 };

static percpu_counters* counters;
static percpu_stacks* stacks;
static percpu_lists* lists;
static percpu_pool* pool;
static percpu_rings* rings;
static percpu_rings* recorder;
static percpu_words* words;
static int failures;

static void check(int good, const char* what) {
  if (good)
    return;
  fprintf(stderr, "failed: %s\n", what);
  __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}
#define CHECK(condition) check(condition, #condition)

static void* work(void* argument) {
  (void)argument;
  const int refused = percpu_attach();
  if (refused != 0)
    fprintf(stderr, "note: a thread runs no sections: %s\n", strerror(refused));
  percpu_rings_seat* seat = percpu_rings_seat_new(rings);
  CHECK(seat != NULL);
  for (int turn = 0; turn < TURNS; turn++) {
    CHECK(percpu_counters_add(counters, 1, 2) == PERCPU_OK);
    percpu_word word;
    CHECK(percpu_words_add(words, 0, 1, &word) == PERCPU_OK);
    CHECK(word.shard <= percpu_possible_cpus());
    /* Tokens wander: what is taken is given back. */
    double value;
    if (percpu_stacks_pop(stacks, &value) == PERCPU_OK)
      while (percpu_stacks_push(stacks, value) == PERCPU_FULL)
        ;
    uint32_t node;
    if (percpu_lists_pop(lists, &node) == PERCPU_OK) {
      ++*(uint64_t*)percpu_lists_at(lists, node);
      CHECK(percpu_lists_push(lists, node) == PERCPU_OK);
    }
    void* block = percpu_pool_alloc(pool);
    if (block != NULL) {
      memset(block, 0xaa, 100);
      CHECK(percpu_pool_free(pool, block) == PERCPU_OK);
    }
    if (turn < RECORDS)
      CHECK(percpu_rings_write(seat, &turn, sizeof turn) == PERCPU_OK);
  }
  percpu_rings_seat_delete(seat);
  percpu_detach();
  return NULL;
}

/* Counts records, and checks that they are what a thread wrote. */
static void visit(const percpu_record* record, void* context) {
  int turn;
  CHECK(record->length == sizeof turn);
  memcpy(&turn, record->bytes, sizeof turn);
  CHECK(turn >= 0 && turn < RECORDS);
  CHECK(record->thread != 0 && record->nanoseconds > 0);
  *(int64_t*)context += turn;
}

static void check_arguments(void) {
  errno = 0;
  CHECK(percpu_counters_new(0) == NULL && errno == EINVAL);
  CHECK(percpu_stacks_new(0) == NULL && percpu_stacks_new(UINT32_MAX) == NULL);
  CHECK(percpu_lists_new(0, 8) == NULL && percpu_lists_new(8, 0) == NULL);
  CHECK(percpu_pool_new(0, 8) == NULL && percpu_pool_new(UINT32_MAX, 8) == NULL);
  CHECK(percpu_rings_new(1000, PERCPU_DISCARD) == NULL && percpu_rings_new(128, PERCPU_DISCARD) == NULL);
  CHECK(percpu_rings_new(4096, (percpu_policy)0) == NULL);
  CHECK(percpu_words_new(0) == NULL && percpu_words_new(UINT32_MAX) == NULL);
  percpu_counters_delete(NULL);
  percpu_pool_delete(NULL);
  CHECK(percpu_pool_free(pool, NULL) == PERCPU_OK);
  CHECK(percpu_pool_free(pool, &failures) == PERCPU_OUT_OF_RANGE);
  char* block = percpu_pool_alloc(pool);
  CHECK(percpu_pool_free(pool, block + 1) == PERCPU_OUT_OF_RANGE && percpu_pool_free(pool, block) == PERCPU_OK);
  CHECK(percpu_counters_add(counters, 3, 1) == PERCPU_OUT_OF_RANGE && percpu_counters_value(counters, 3) == 0);
  CHECK(percpu_counters_set(counters, 3, 1, NULL) == PERCPU_OUT_OF_RANGE);
  CHECK(percpu_stacks_push(stacks, 1.0 / 0.0) == PERCPU_BAD_VALUE);
  CHECK(percpu_lists_push(lists, UNITS) == PERCPU_OUT_OF_RANGE && percpu_lists_at(lists, UNITS) == NULL);
  CHECK(percpu_words_add(words, 2, 1, NULL) == PERCPU_OUT_OF_RANGE);
  int64_t word;
  CHECK(percpu_words_get(words, percpu_possible_cpus() + 1, 0, &word) == PERCPU_OUT_OF_RANGE);
  uint32_t none = 1;
  double value;
  CHECK(percpu_stacks_drain(stacks, percpu_possible_cpus() + 1, &value, &none) == PERCPU_OUT_OF_RANGE && none == 0);
  CHECK(strcmp(percpu_status_text(PERCPU_OK), "done") == 0 &&
        strcmp(percpu_status_text((percpu_status)99), "an unknown status") == 0);
}

/* What one thread alone sees: nothing moves between its calls but the thread itself. */
static void check_words(void) {
  int64_t sum = 0;
  for (uint32_t shard = 0; shard <= percpu_possible_cpus(); shard++) {
    int64_t word = 0;
    CHECK(percpu_words_get(words, shard, 0, &word) == PERCPU_OK);
    sum += word;
  }
  CHECK(sum == (int64_t)THREADS * TURNS);
  percpu_word seen;
  CHECK(percpu_words_exchange(words, 1, 7, &seen) == PERCPU_OK && seen.before == 0);
  int64_t now = 0;
  CHECK(percpu_words_get(words, seen.shard, 1, &now) == PERCPU_OK && now == 7);
  percpu_word swapped;
  CHECK(percpu_words_compare_exchange(words, 1, 7, 9, &swapped) == PERCPU_OK);
  CHECK(percpu_words_get(words, seen.shard, 1, &now) == PERCPU_OK);
  CHECK(now == (swapped.shard == seen.shard ? 9 : 7));
  CHECK(percpu_words_load(words, 1, &seen) == PERCPU_OK);
}

static void check_totals(void) {
  CHECK(percpu_counters_value(counters, 1) == 2LL * THREADS * TURNS);
  int64_t before = 0;
  CHECK(percpu_counters_set(counters, 1, 5, &before) == PERCPU_OK && before == 2LL * THREADS * TURNS);
  CHECK(percpu_counters_value(counters, 1) == 5 && percpu_counters_value(counters, 0) == 0);
  double values = 0;
  uint32_t in_stacks = 0, in_lists = 0;
  for (uint32_t shard = 0; shard <= percpu_possible_cpus(); shard++) {
    double some[UNITS];
    uint32_t numbers[UNITS], count = UNITS;
    percpu_status status = percpu_stacks_drain(stacks, shard, some, &count);
    CHECK(status == PERCPU_OK);
    in_stacks += count;
    for (uint32_t i = 0; i < count; i++)
      values += some[i];
    count = UNITS;
    status = percpu_lists_drain(lists, shard, numbers, &count);
    CHECK(status == PERCPU_OK);
    in_lists += count;
  }
  CHECK(in_stacks == UNITS && values == UNITS * (UNITS - 1) / 2.0);
  CHECK(in_lists == UNITS);
  void* blocks[UNITS];
  for (int i = 0; i < UNITS; i++)
    CHECK((blocks[i] = percpu_pool_alloc(pool)) != NULL && (uintptr_t)blocks[i] % 64 == 0);
  CHECK(percpu_pool_alloc(pool) == NULL);
  for (int i = 0; i < UNITS; i++)
    CHECK(percpu_pool_free(pool, blocks[i]) == PERCPU_OK);
}

static void check_rings(void) {
  percpu_rings_seat* seat = percpu_rings_seat_new(rings);
  int64_t sum = 0;
  uint64_t count = 0;
  CHECK(percpu_rings_read(seat, visit, &sum, &count) == PERCPU_OK);
  CHECK(count == THREADS * RECORDS && sum == (int64_t)THREADS * RECORDS * (RECORDS - 1) / 2);
  CHECK(percpu_rings_read(seat, visit, &sum, &count) == PERCPU_OK && count == 0);
  CHECK(percpu_rings_dropped(seat) == 0);
  char* longest = calloc(1, percpu_rings_longest(rings) + 1);
  CHECK(percpu_rings_write(seat, longest, percpu_rings_longest(rings)) == PERCPU_OK);
  CHECK(percpu_rings_write(seat, longest, percpu_rings_longest(rings) + 1) == PERCPU_OUT_OF_RANGE);
  free(longest);
  percpu_rings_seat_delete(seat);
  seat = percpu_rings_seat_new(recorder);
  /* More records than fit into all rings, of which each has room for 8. Those that are left stay. */
  const uint64_t written = 16 * (percpu_possible_cpus() + UINT64_C(1));
  for (uint64_t i = 0; i < written; i++) {
    const int turn = (int)(i % RECORDS);
    CHECK(percpu_rings_write(seat, &turn, sizeof turn) == PERCPU_OK);
  }
  uint64_t again = 0;
  CHECK(percpu_rings_read(seat, visit, &sum, &count) == PERCPU_OK && count > 0 && count < written);
  CHECK(percpu_rings_read(seat, visit, &sum, &again) == PERCPU_OK && again == count);
  percpu_rings_seat_delete(seat);
}

int main(void) {
  percpu_attach();
  counters = percpu_counters_new(3);
  stacks = percpu_stacks_new(UNITS);
  lists = percpu_lists_new(UNITS, 8);
  pool = percpu_pool_new(UNITS, 100);
  /* Each ring has room for the records of all threads. */
  rings = percpu_rings_new(1 << 16, PERCPU_DISCARD);
  recorder = percpu_rings_new(256, PERCPU_OVERWRITE);
  words = percpu_words_new(2);
  if (!counters || !stacks || !lists || !pool || !rings || !recorder || !words) {
    perror("no memory for the objects");
    return 2;
  }
  check_arguments();
  for (uint32_t i = 0; i < UNITS; i++) {
    CHECK(percpu_stacks_push(stacks, i) == PERCPU_OK);
    CHECK(percpu_lists_push(lists, i) == PERCPU_OK);
  }
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  check_totals();
  check_words();
  check_rings();
  CHECK(percpu_cpu() < percpu_possible_cpus());
  (void)percpu_node();
  percpu_counters_delete(counters);
  percpu_stacks_delete(stacks);
  percpu_lists_delete(lists);
  percpu_pool_delete(pool);
  percpu_rings_delete(rings);
  percpu_rings_delete(recorder);
  percpu_words_delete(words);
  percpu_detach();
  printf("%s: %d failures\n", percpu_is_available() ? "with sections" : "without sections", failures);
  return failures != 0;
}

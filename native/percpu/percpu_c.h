/**
 * @file
 * The library for programs in C11: counters, stacks, lists, pools, rings and words, one of each for every CPU, updated
 * by restartable sequences. The implementation is c/percpu_c.cc; docs/cpp.md shows how to build and use it.
 *
 * An object is made by `..._new`, which returns null and sets `errno` if it cannot: EINVAL for a number that is not
 * accepted, ENOMEM without memory. `..._delete` frees it; no thread may use it any more. It accepts null.
 *
 * All functions on objects are thread-safe, but `..._delete` and those of a seat (percpu_rings_seat), which belongs to
 * the thread that made it. None is async-signal-safe that allocates or stops a CPU; updates of counters are.
 *
 * Each CPU has a shard of an object, with the CPU's number, and percpu_possible_cpus() is the number of the overflow
 * shard, on which threads work that cannot run sections. So an update always succeeds, and totals are exact.
 *
 * Names are plural, as `struct percpu_list`, `percpu_buffer` and `percpu_lock` are those of the kernel's selftests.
 */
#ifndef RSEQ_PERCPU_PERCPU_C_H
#define RSEQ_PERCPU_PERCPU_C_H

// NOLINTBEGIN(modernize-use-using,modernize-deprecated-headers,modernize-redundant-void-arg): this is C.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The result of an operation. percpu_status_text() says it in English. */
typedef enum percpu_status {
  PERCPU_OK = 0,
  PERCPU_OUT_OF_RANGE = 17, /**< There is no such element, node, block or shard, or a record is too long. */
  PERCPU_BAD_VALUE = 18,    /**< A value that a stack cannot hold: an infinity or a NaN. */
  PERCPU_CONTENDED = 19,    /**< A word changed in every attempt, or another thread kept a shard for 10 seconds. */
  PERCPU_FULL = 20,         /**< There is no room; nothing was done. */
  PERCPU_EMPTY = 21,        /**< There is no value, node or block. */
  PERCPU_CORRUPT = 22,      /**< The memory has bytes that no operation writes: the program has overwritten it. */
  PERCPU_UNFENCEABLE = 23,  /**< The CPU cannot be stopped: no membarrier, and the thread may not run there. */
  PERCPU_LISTED = 25,       /**< The node is on a list already; nothing was done. */
  PERCPU_BUSY = 32,         /**< Another thread owns the shard. */
  PERCPU_NOT_OWNER = 34,    /**< The block of a checked pool is not allocated. */
  PERCPU_HELD_ALREADY = 35, /**< The calling thread is the reader already. */
  PERCPU_NO_MEMORY = 37     /**< The process has no memory left. */
} percpu_status;

/** What a status means: a constant text in English, without a full stop. Never null. */
const char* percpu_status_text(percpu_status status);

/* --- Threads --------------------------------------------------------------------------------------------------- */

/**
 * Registers the calling thread, unless its libc has (glibc from 2.35 on): call it at the start of each thread. A thread
 * that is not registered works, too, but on overflow shards.
 * @return 0 if the thread runs sections; else the errno of the kernel's refusal, or ENOTSUP if this kernel does not
 * abort sections as it must.
 */
int percpu_attach(void);

/** Undoes one percpu_attach(); to be called before a thread ends that has called it. */
void percpu_detach(void);

/** Whether the kernel has restartable sequences. One system call; registers nothing. */
bool percpu_is_available(void);

/** The CPU that the calling thread runs on now. Registers nothing. */
uint32_t percpu_cpu(void);

/** The NUMA node that the calling thread runs on now. Registers nothing. */
uint32_t percpu_node(void);

/** The highest possible CPU's number plus one: how many shards an object has, without the overflow shard. */
uint32_t percpu_possible_cpus(void);

/**
 * Proves that the kernel aborts sections on this machine, and that totals are exact, on an attached thread. Takes about
 * a quarter of a second, makes two threads, and uses one real-time signal meanwhile. @return whether it does.
 */
bool percpu_verify(void);

/* --- Counters -------------------------------------------------------------------------------------------------- */

/** Counters of 64 bits. */
typedef struct percpu_counters percpu_counters;

/** Makes `length` counters of value 0. `length` is at least 1; a CPU's shard is at most 4 GiB. */
percpu_counters* percpu_counters_new(uint32_t length);
void percpu_counters_delete(percpu_counters* counters);

/** Adds to counter `i`; wraps at 64 bits. Wait-free, relaxed order. Returns PERCPU_OK or PERCPU_OUT_OF_RANGE. */
percpu_status percpu_counters_add(percpu_counters* counters, uint32_t i, int64_t delta);

/** The value of counter `i`: all additions that were finished before the call. O(CPUs). Returns 0 if there is none. */
int64_t percpu_counters_value(const percpu_counters* counters, uint32_t i);

/**
 * Sets counter `i` to `value`. Each addition is either in `*before` or on top of `value`. O(CPUs).
 * @param before null, or where the old value goes.
 * @return PERCPU_OK, PERCPU_OUT_OF_RANGE or PERCPU_CONTENDED.
 */
percpu_status percpu_counters_set(percpu_counters* counters, uint32_t i, int64_t value, int64_t* before);

/* --- Stacks ---------------------------------------------------------------------------------------------------- */

/** A stack of doubles for each CPU. Whole numbers up to 2^53 are exact in a double, and so is an address. */
typedef struct percpu_stacks percpu_stacks;

/** Makes stacks that hold up to `capacity` values each. */
percpu_stacks* percpu_stacks_new(uint32_t capacity);
void percpu_stacks_delete(percpu_stacks* stacks);

/** Pushes a finite value on this CPU's stack. O(1). Returns PERCPU_OK, _FULL, _BAD_VALUE, _CORRUPT or _CONTENDED. */
percpu_status percpu_stacks_push(percpu_stacks* stacks, double value);

/** Pops the value pushed last on this CPU, or one from the overflow shard. O(1). Returns PERCPU_OK, _EMPTY, ... */
percpu_status percpu_stacks_pop(percpu_stacks* stacks, double* value);

/**
 * Stops the stack of a shard, pops up to `*count` values from it, and resumes it. Sets `*count` to their number. Other
 * threads use the overflow shard meanwhile. Takes some microseconds.
 * @return PERCPU_OK, also if there were none; PERCPU_OUT_OF_RANGE, _CONTENDED, _UNFENCEABLE or _CORRUPT.
 */
percpu_status percpu_stacks_drain(percpu_stacks* stacks, uint32_t shard, double* values, uint32_t* count);

/* --- Lists ----------------------------------------------------------------------------------------------------- */

/** A list for each CPU, of nodes with a payload. Nodes have numbers from 0 on. */
typedef struct percpu_lists percpu_lists;

/** Makes `nodes` nodes (1 to 2^28) of `size` bytes (1 to 2^30), zeroed, on no list. */
percpu_lists* percpu_lists_new(uint32_t nodes, uint32_t size);
void percpu_lists_delete(percpu_lists* lists);

/** The payload of a node, aligned to 64 bytes; null if there is no such node. Valid as long as the lists. */
void* percpu_lists_at(const percpu_lists* lists, uint32_t node);

/** Pushes a node, which must be on no list, on this CPU's. O(1). Returns PERCPU_OK, _OUT_OF_RANGE or _CONTENDED. */
percpu_status percpu_lists_push(percpu_lists* lists, uint32_t node);

/** Pops the node pushed last on this CPU, or one from the overflow shard. O(1). Returns PERCPU_OK, _EMPTY, ... */
percpu_status percpu_lists_pop(percpu_lists* lists, uint32_t* node);

/** As percpu_stacks_drain(): pops up to `*count` nodes from the list of a shard. */
percpu_status percpu_lists_drain(percpu_lists* lists, uint32_t shard, uint32_t* nodes, uint32_t* count);

/* --- Pool ------------------------------------------------------------------------------------------------------ */

/** Blocks of one size, of which each CPU caches up to 256 free ones. */
typedef struct percpu_pool percpu_pool;

/** Makes `blocks` blocks (1 to 2^28) of `size` bytes (1 to 2^30). They are zeroed until they are first used. */
percpu_pool* percpu_pool_new(uint32_t blocks, uint32_t size);
void percpu_pool_delete(percpu_pool* pool);

/** Allocates a block, aligned to 64 bytes; null if there is none. Amortized O(1). */
void* percpu_pool_alloc(percpu_pool* pool);

/**
 * Frees a block of this pool, from any thread. Amortized O(1). Does nothing with null.
 * @return PERCPU_OK; PERCPU_OUT_OF_RANGE: this is no block's address; PERCPU_FULL: all blocks are free, so one was
 * freed twice; PERCPU_CONTENDED or PERCPU_CORRUPT.
 */
percpu_status percpu_pool_free(percpu_pool* pool, void* block);

/* --- Rings ----------------------------------------------------------------------------------------------------- */

/** A ring of records for each CPU. Many threads write; one reads. */
typedef struct percpu_rings percpu_rings;

/** What happens to a record that finds no room. */
typedef enum percpu_policy {
  PERCPU_DISCARD = 1,  /**< It is counted, and not written. */
  PERCPU_OVERWRITE = 2 /**< It overwrites the oldest records: a flight recorder. */
} percpu_policy;

/** Makes rings of `capacity` bytes each: a power of two, 256 to 2^30. A record takes 24 to 31 bytes more than its own.
 */
percpu_rings* percpu_rings_new(uint32_t capacity, percpu_policy policy);
void percpu_rings_delete(percpu_rings* rings);

/** The longest record, in bytes: a quarter of the ring or 64 KiB, less 24. */
uint32_t percpu_rings_longest(const percpu_rings* rings);

/** A thread's place at the rings. Only the thread that made it may use it. */
typedef struct percpu_rings_seat percpu_rings_seat;

percpu_rings_seat* percpu_rings_seat_new(percpu_rings* rings);
void percpu_rings_seat_delete(percpu_rings_seat* seat);

/**
 * Writes a record of `length` bytes, with the CPU, the thread and the time. All of it or nothing. O(length).
 * @return PERCPU_OK; PERCPU_FULL: no room, and counted; PERCPU_OUT_OF_RANGE: longer than percpu_rings_longest();
 *     PERCPU_CONTENDED or PERCPU_CORRUPT.
 */
percpu_status percpu_rings_write(percpu_rings_seat* seat, const void* record, uint32_t length);

/** A record that a reader gets. */
typedef struct percpu_record {
  const void* bytes;   /**< Aligned to 8; valid during the call. */
  uint32_t length;     /**< In bytes. */
  uint32_t cpu;        /**< The CPU on which it was written. */
  uint32_t thread;     /**< The kernel's id of the thread that wrote it. */
  int64_t nanoseconds; /**< When: CLOCK_MONOTONIC. */
} percpu_record;

/** Called for each record. */
typedef void (*percpu_rings_visit)(const percpu_record* record, void* context);

/**
 * Visits the records of all shards, oldest first in each shard. With PERCPU_DISCARD each record is visited once, and
 * its room is free afterwards; while one thread reads, others that want to read wait, 10 seconds at most. With
 * PERCPU_OVERWRITE all records that are still there are visited, while writers go on.
 * @param count null, or where the number of visited records goes.
 * @return PERCPU_OK; PERCPU_CONTENDED: another thread reads; PERCPU_HELD_ALREADY: called by `visit`; PERCPU_CORRUPT: a
 *     ring was overwritten, and its records are skipped; PERCPU_NO_MEMORY: there is none to read into.
 */
percpu_status percpu_rings_read(percpu_rings_seat* seat, percpu_rings_visit visit, void* context, uint64_t* count);

/** How many records found no room. O(CPUs). */
uint64_t percpu_rings_dropped(const percpu_rings_seat* seat);

/* --- Words ----------------------------------------------------------------------------------------------------- */

/** An array of words of 64 bits for each CPU. */
typedef struct percpu_words percpu_words;

/** Makes `length` words for each CPU, of value 0. */
percpu_words* percpu_words_new(uint32_t length);
void percpu_words_delete(percpu_words* words);

/** Where an operation took effect, and what was there. */
typedef struct percpu_word {
  uint32_t shard; /**< The CPU, or percpu_possible_cpus() for the overflow shard. */
  int64_t before; /**< The word before the operation. */
} percpu_word;

/**
 * Operations on word `i` of the CPU that the calling thread runs on. O(1). Changes have release order, loads acquire
 * order.
 * @param word null, or where the answer goes.
 * @return PERCPU_OK, PERCPU_OUT_OF_RANGE or PERCPU_CONTENDED.
 */
percpu_status percpu_words_load(percpu_words* words, uint32_t i, percpu_word* word);
percpu_status percpu_words_add(percpu_words* words, uint32_t i, int64_t delta, percpu_word* word);
percpu_status percpu_words_exchange(percpu_words* words, uint32_t i, int64_t value, percpu_word* word);
/** The word becomes `value` if it is `expected`: `word->before == expected` tells. */
percpu_status percpu_words_compare_exchange(percpu_words* words, uint32_t i, int64_t expected, int64_t value,
                                            percpu_word* word);

/** Reads word `i` of any shard. Acquire order. Returns PERCPU_OK or PERCPU_OUT_OF_RANGE. */
percpu_status percpu_words_get(const percpu_words* words, uint32_t shard, uint32_t i, int64_t* value);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-use-using,modernize-deprecated-headers,modernize-redundant-void-arg)

#endif /* RSEQ_PERCPU_PERCPU_C_H */

/**
 * @file
 * The sections that write records into rings, by the names of sections.h. Two more words there: `cbgt`, leave when
 * above, unsigned; and `stamp`, a record's CPU, thread and time, stored around the copy.
 *
 * What a ring looks like, with the layout of a record, is in native/percpu/ring.h.
 */
#ifndef RSEQ_RING_SECTIONS_H
#define RSEQ_RING_SECTIONS_H

#include "sections.h"

namespace rseq {

namespace asm_sections {

using MemcpyStampStore = Outcome(Area*, uint32_t, int64_t* v, const void* src, uint64_t meta, uint64_t mask) noexcept;

extern "C" {
MemcpyStampStore rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_cpu_id,
    rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_mm_cid;
MemcpyStampStore rseq_load_cbne_load_memcpy_stamp_store_cpu_id, rseq_load_cbne_load_memcpy_stamp_store_mm_cid;
}

} // namespace asm_sections

/**
 * Writes a record at the head of a ring, if there is room up to its tail:
 * `if (v[1] != 0) compare_failed; head = v[0]; if (head - v[16] > mask + 8 - padded - 24) compare_failed;` the record,
 * word by word at `v[32 + (position & mask) / 8]`; `v[0] = head + 24 + padded`, with release order. `padded` is the
 * length in whole words.
 *
 * The words of the ring may be anybody's: every position is masked inside the section, so that it stores to v[0] and
 * to v[32] to v[32 + mask / 8], and nowhere else. The stamp is the larger one of the clock (ticks(), in ticks.h) and
 * of the word before the head, where the record before has its own: so stamps never go back on one CPU.
 * O(length): keep it well under a time slice.
 *
 * @param src the bytes, of the caller's own memory or anybody's, up to the next multiple of 8.
 * @param meta the length in bits 0 to 15, the thread in bits 32 to 63; the section adds the CPU in between.
 * @param mask the ring's bytes, a power of two, less 8. At least 24 more than the padded length.
 */
inline Outcome load_cbne_load_load_cbgt_memcpy_stamp_store(const Here& here, int64_t* v, const void* src, uint64_t meta,
                                                           uint64_t mask) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_cpu_id,
             rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_mm_cid, here, v, src, meta, mask);
}

/**
 * The same without the tail: over the oldest records. Its stores are not seen before the commit of the record
 * before, so that a reader who has the head knows how far they may have come.
 */
inline Outcome load_cbne_load_memcpy_stamp_store(const Here& here, int64_t* v, const void* src, uint64_t meta,
                                                 uint64_t mask) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_memcpy_stamp_store_cpu_id, rseq_load_cbne_load_memcpy_stamp_store_mm_cid, here, v, src,
             meta, mask);
}

} // namespace rseq

#endif // RSEQ_RING_SECTIONS_H

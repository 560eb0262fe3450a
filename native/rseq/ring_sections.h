/**
 * @file
 * The sections that write records into rings, named as in sections.h. Two more words occur in their names: `cbgt`
 * (leave when above, unsigned) and `stamp` (store a record's CPU, thread and time around the copy).
 *
 * native/percpu/ring.h describes the layout of a ring and of a record.
 */
#ifndef RSEQ_RING_SECTIONS_H
#define RSEQ_RING_SECTIONS_H

#include "sections.h"

namespace percpu {

/**
 * Writes a record at the head of a ring, if there is room before its tail:
 * `if (v[1] != 0) compare_failed; head = v[0]; if (head - v[16] > mask + 8 - padded - 24) compare_failed;` the record,
 * word by word at `v[32 + (position & mask) / 8]`; `v[0] = head + 24 + padded`, with release order. `padded` is the
 * length in whole words.
 *
 * Any thread may overwrite the words of the ring: the section masks every position, and stores only to v[0] and to
 * v[32] to v[32 + mask / 8]. The stamp is ticks() (ticks.h) during the section. O(length). A longer record is aborted
 * more often: it must take much less than a time slice.
 *
 * @param src the record's bytes; readable up to the next multiple of 8. Other threads may overwrite them meanwhile.
 * @param meta the length in bytes in bits 0 to 15, the thread in bits 32 to 63; the section adds the CPU in between.
 * @param mask the ring's bytes, a power of two, less 8. At least 24 more than the padded length.
 */
inline Outcome load_cbne_load_load_cbgt_memcpy_stamp_store(const Here& here, int64_t* v, const void* src, uint64_t meta,
                                                           uint64_t mask) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_cpu_id,
             rseq_load_cbne_load_load_cbgt_memcpy_stamp_store_mm_cid, here, v, src, meta, mask);
}

/**
 * load_cbne_load_load_cbgt_memcpy_stamp_store() that does not compare the tail, and overwrites the oldest records. Its
 * stores become visible after the commit of the previous record: a reader computes from the head which bytes a writer
 * may have overwritten.
 */
inline Outcome load_cbne_load_memcpy_stamp_store(const Here& here, int64_t* v, const void* src, uint64_t meta,
                                                 uint64_t mask) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_memcpy_stamp_store_cpu_id, rseq_load_cbne_load_memcpy_stamp_store_mm_cid, here, v, src,
             meta, mask);
}

} // namespace percpu

#endif // RSEQ_RING_SECTIONS_H

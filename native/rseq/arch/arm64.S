/*
 * The critical sections for arm64 (little-endian), one copy of each, as ordinary functions.
 *
 * Conventions (AAPCS64), all sections alike:
 *   x0  the calling thread's Area          w1  index: the cpu_id or mm_cid that the caller read
 *   x2 to x7  the operands, in the order of native/rseq/sections.h
 *   x8 to x13  scratch (x16 and x17 are the linker's)          w0  the outcome
 *
 * `delay` and the `same_` checks stand where stress builds wait or look twice, and are nothing otherwise
 * (arm64_stress.inc).
 *
 * Each body is written once and made for cpu_id and for mm_cid, and where it says so for a relaxed
 * and a release commit. No section touches the stack.
 */
#if defined(__aarch64__)
#include "../abi.h"
#include "arm64_stress.inc"

.set AREA_RSEQ_CS, RSEQ_AREA_RSEQ_CS
.set AREA_cpu_id, RSEQ_AREA_CPU_ID
.set AREA_mm_cid, RSEQ_AREA_MM_CID

/* The function that a section is. */
.macro section_function name
  .pushsection .text.rseq, "ax", @progbits
  .balign 32
  .globl rseq_\name
  .hidden rseq_\name
  .type rseq_\name, @function
rseq_\name:
  .cfi_startproc
  adrp  x8, .Ldescriptor_\name
  add   x8, x8, :lo12:.Ldescriptor_\name
.endm

/* Arms the section by its descriptor's address, in x8, and checks that the thread is still at `index`. */
.macro section_arm name, index
  str   x8, [x0, AREA_RSEQ_CS]
.Lstart_\name:
  delay armed
  ldr   w9, [x0, AREA_\index]
  cmp   w9, w1
  b.ne  .Lmoved_\name
  delay entered
.endm

/* What a section begins with. */
.macro section_begin name, index
  section_function \name
  section_arm \name, \index
.endm

/* The committing store of the 64-bit register `value`, in either memory order. */
.macro commit_relaxed value, address
  str   \value, [\address]
.endm
.macro commit_release value, address
  stlr  \value, [\address]
.endm

/* The abort handler's label. The signature before it is a `brk`, so that it cannot be run into. */
.macro section_abort name
  .inst RSEQ_SIGNATURE
.Labort_\name:
.endm

/* The descriptor and the tables of a section, which ends here. */
.macro section_tables name, compares
  .cfi_endproc
  .size rseq_\name, . - rseq_\name
  .popsection

  .pushsection __rseq_cs, "aw", @progbits
  .balign 32
.Ldescriptor_\name:
  .long 0, 0
  .quad .Lstart_\name
  .quad .Lcommitted_\name - .Lstart_\name
  .quad .Labort_\name
  .popsection

  .pushsection __rseq_cs_ptr_array, "aw", @progbits
  .quad .Ldescriptor_\name
  .popsection

  .pushsection __rseq_exit_point_array, "aw", @progbits
  .quad .Lstart_\name, .Lmoved_\name
  .if \compares
  .quad .Lstart_\name, .Lcompare_failed_\name
  .endif
  .popsection
.endm

/*
 * What follows the committing store: the exits, the abort handler, and the tables. `compares` is 1
 * where the body can leave by `compare_failed`.
 */
.macro section_end name, compares
.Lcommitted_\name:
  mov   w0, RSEQ_DONE
  ret
.Lmoved_\name:
  mov   w0, RSEQ_MOVED
  ret
  .if \compares
.Lcompare_failed_\name:
  mov   w0, RSEQ_COMPARE_FAILED
  ret
  .endif
  inconsistent_exit \name
  section_abort \name
  mov   w0, RSEQ_ABORTED
  ret
  section_tables \name, \compares
.endm

/*
 * load_cbne_store(v, expect, newv):
 *   if (*v != expect) return compare_failed;
 *   *v = newv;                                        // commit
 */
.macro load_cbne_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.ne  .Lcompare_failed_\name
  delay ready
  same_index \name, \index
  same_word \name, x3, x2
  str   x4, [x2]
  section_end \name, 1
.endm

/*
 * load_cbeq_store_add_load_store(v, expectnot, voffp, load):
 *   if (*v == expectnot) return compare_failed;
 *   *load = *v;
 *   *v = *(*v + voffp);                               // commit
 */
.macro load_cbeq_store_add_load_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.eq  .Lcompare_failed_\name
  delay between
  str   x8, [x5]
  delay between
  ldr   x8, [x8, x4]
  delay ready
  same_index \name, \index
  same_word_as_memory \name, x5, x2
  str   x8, [x2]
  section_end \name, 1
.endm

/*
 * load_add_store(v, count):
 *   *v = *v + count;                                  // commit
 */
.macro load_add_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, x8, x2
  add   x8, x8, x3
  str   x8, [x2]
  section_end \name, 0
.endm

/*
 * load_add_store_each(words, length, next, end):
 *   do {
 *     if (next->element >= length) break;
 *     words[next->element] += next->delta;            // commit, once for each addition
 *   } while (++next != end);
 *   return next;
 * A section for each addition, all by one descriptor. Armed anew each time: preempted between two, the
 * thread is disarmed. However it leaves, `next` is the first addition that is not committed.
 */
.macro load_add_store_each name, index
  section_function \name
.Lnext_\name:
  ldr   w10, [x4]
  cmp   w10, w3
  b.hs  .Lmoved_\name
  ldrsw x13, [x4, 4]
  section_arm \name, \index
  ldr   x9, [x2, x10, lsl 3]
  delay loaded
  delay ready
  add   x9, x9, x13
  str   x9, [x2, x10, lsl 3]
.Lcommitted_\name:
  add   x4, x4, 8
  cmp   x4, x5
  b.ne  .Lnext_\name
.Lmoved_\name:
  mov   x0, x4
  ret
  section_abort \name
  mov   x0, x4
  ret
  section_tables \name, 0
.endm

/*
 * load_add_store_f64(v, count in d0):
 *   *v = *v + count;                                  // commit, a double
 */
.macro load_add_store_f64 name, index
  section_begin \name, \index
  ldr   d1, [x2]
  delay loaded
  delay ready
  same_index \name, \index
  same_double \name, d1, x2
  fadd  d1, d1, d0
  str   d1, [x2]
  section_end \name, 0
.endm

/*
 * load_add_load_load_add_store(ptr, off, inc):
 *   p = *(*ptr + off);
 *   *p = *p + inc;                                    // commit
 */
.macro load_add_load_load_add_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  delay between
  ldr   x8, [x8, x3]
  delay between
  ldr   x9, [x8]
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, x9, x8
  add   x9, x9, x4
  str   x9, [x8]
  section_end \name, 0
.endm

/*
 * load_cbne_load_cbne_store(v, expect, v2, expect2, newv):
 *   if (*v != expect) return compare_failed;
 *   if (*v2 != expect2) return compare_failed;
 *   *v = newv;                                        // commit
 */
.macro load_cbne_load_cbne_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.ne  .Lcompare_failed_\name
  delay between
  ldr   x8, [x4]
  delay between
  cmp   x8, x5
  b.ne  .Lcompare_failed_\name
  delay ready
  same_index \name, \index
  same_word \name, x3, x2
  str   x6, [x2]
  section_end \name, 1
.endm

/*
 * load_cbne_store_store(v, expect, v2, newv2, newv):
 *   if (*v != expect) return compare_failed;
 *   *v2 = newv2;
 *   *v = newv;                                        // commit, relaxed or release
 */
.macro load_cbne_store_store name, index, order
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.ne  .Lcompare_failed_\name
  delay between
  str   x5, [x4]
  delay ready
  same_index \name, \index
  same_word \name, x3, x2
  commit_\order x6, x2
  section_end \name, 1
.endm

/*
 * load_cbne_memcpy_store(v, expect, dst, src, len, newv):
 *   if (*v != expect) return compare_failed;
 *   memcpy(dst, src, len);                            // words of 8 bytes, then single bytes
 *   *v = newv;                                        // commit, relaxed or release
 * The copy counts up from 0 in x9, so an abort leaves dst and src as they were given.
 */
.macro load_cbne_memcpy_store name, index, order
  section_begin \name, \index
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.ne  .Lcompare_failed_\name
  mov   x9, 0
  and   x10, x6, -8
.Lcopy_words_\name:
  cmp   x9, x10
  b.hs  .Lcopy_bytes_\name
  ldr   x8, [x5, x9]
  delay between
  str   x8, [x4, x9]
  add   x9, x9, 8
  b     .Lcopy_words_\name
.Lcopy_bytes_\name:
  cmp   x9, x6
  b.hs  .Lcopied_\name
  ldrb  w8, [x5, x9]
  strb  w8, [x4, x9]
  add   x9, x9, 1
  b     .Lcopy_bytes_\name
.Lcopied_\name:
  delay ready
  same_index \name, \index
  same_word \name, x3, x2
  commit_\order x7, x2
  section_end \name, 1
.endm

/*
 * load_spin_store(v, until, spins, seen):
 *   do t = *v; while (t != until && spins-- != 0);    // 32 bits, as a futex has
 *   *seen = t;                                        // commit
 * Waits for what another CPU is to store. Whoever is preempted meanwhile learns it by the abort. The
 * commit goes to the caller's own memory: it says what was seen, and nobody else is told.
 */
.macro load_spin_store name, index
  section_begin \name, \index
.Lspin_\name:
  ldr   w8, [x2]
  delay loaded
  cmp   w8, w3
  b.eq  .Lspun_\name
  cbz   x4, .Lspun_\name
  sub   x4, x4, 1
  yield
  b     .Lspin_\name
.Lspun_\name:
  delay ready
  same_index \name, \index
  str   w8, [x5]
  section_end \name, 0
.endm

/*
 * load_cbne_load_cbge_store_add_store(v, limit, newv in d0):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0];
 *   if (n >= limit) return compare_failed;            // unsigned
 *   v[2 + n] = newv;
 *   v[0] = n + 1;                                     // commit
 */
.macro load_cbne_load_cbge_store_add_store name, index
  section_begin \name, \index
  ldr   x8, [x2, 8]
  cbnz  x8, .Lcompare_failed_\name
  delay between
  ldr   x8, [x2]
  delay loaded
  cmp   x8, x3
  b.hs  .Lcompare_failed_\name
  delay between
  add   x9, x2, 16
  str   d0, [x9, x8, lsl 3]
  delay ready
  same_index \name, \index
  same_word \name, x8, x2
  add   x8, x8, 1
  str   x8, [x2]
  section_end \name, 1
.endm

/*
 * load_cbne_load_add_cbge_load_store(v, limit):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0] - 1;
 *   if (n >= limit) return compare_failed;            // unsigned, so 0 elements fail it, too
 *   value = v[2 + n];
 *   v[0] = n;                                         // commit
 * The value is returned beside the outcome, in x1, and in d0 for who asks for nothing else; every exit but the
 * one that has committed leaves a NaN in both, so that the value alone tells, too.
 */
.macro load_cbne_load_add_cbge_load_store name, index
  section_begin \name, \index
  ldr   x8, [x2, 8]
  cbnz  x8, .Lcompare_failed_\name
  delay between
  ldr   x9, [x2]
  delay loaded
  sub   x8, x9, 1
  cmp   x8, x3
  b.hs  .Lcompare_failed_\name
  delay between
  add   x10, x2, 16
  ldr   d0, [x10, x8, lsl 3]
  delay ready
  same_index \name, \index
  same_word \name, x9, x2
  str   x8, [x2]
.Lcommitted_\name:
  mov   w0, RSEQ_DONE
  fmov  x1, d0
  ret
.Lmoved_\name:
  mov   w0, RSEQ_MOVED
  mov   x1, -1
  fmov  d0, x1
  ret
.Lcompare_failed_\name:
  mov   w0, RSEQ_COMPARE_FAILED
  mov   x1, -1
  fmov  d0, x1
  ret
  inconsistent_exit \name
  section_abort \name
  mov   w0, RSEQ_ABORTED
  mov   x1, -1
  fmov  d0, x1
  ret
  section_tables \name, 1
.endm

/*
 * load_store_spin_add_store(v, count, entered, spins):
 *   t = *v;
 *   *entered = 1;
 *   while (spins-- != 0) ;
 *   *v = t + count;                                   // commit
 * The section that verify() and the stress tests interrupt: as long as one likes.
 */
.macro load_store_spin_add_store name, index
  section_begin \name, \index
  ldr   x8, [x2]
  mov   w9, 1
  str   w9, [x4]
.Lspin_\name:
  cbz   x5, .Lspun_\name
  sub   x5, x5, 1
  b     .Lspin_\name
.Lspun_\name:
  add   x8, x8, x3
  str   x8, [x2]
  section_end \name, 0
.endm

#include "arm64_ring.inc"
#include "arm64_array.inc"
#include "arm64_list.inc"

/*
 * The table of sections: each body above, made for every index and order there is.
 */
.irp index, cpu_id, mm_cid
  load_cbne_store                 load_cbne_store_\index, \index
  load_cbeq_store_add_load_store  load_cbeq_store_add_load_store_\index, \index
  load_add_store                  load_add_store_\index, \index
  load_add_store_each             load_add_store_each_\index, \index
  load_add_store_f64              load_add_store_f64_\index, \index
  load_add_load_load_add_store    load_add_load_load_add_store_\index, \index
  load_cbne_load_cbne_store       load_cbne_load_cbne_store_\index, \index
  load_cbne_load_cbge_store_add_store  load_cbne_load_cbge_store_add_store_\index, \index
  load_cbne_load_add_cbge_load_store  load_cbne_load_add_cbge_load_store_\index, \index
  load_cbne_store_store           load_cbne_store_store_relaxed_\index, \index, relaxed
  load_cbne_store_store           load_cbne_store_store_release_\index, \index, release
  load_cbne_memcpy_store          load_cbne_memcpy_store_relaxed_\index, \index, relaxed
  load_cbne_memcpy_store          load_cbne_memcpy_store_release_\index, \index, release
  load_store_spin_add_store       load_store_spin_add_store_\index, \index
  load_spin_store                 load_spin_store_\index, \index
  load_cbne_load_load_cbgt_memcpy_stamp_store  load_cbne_load_load_cbgt_memcpy_stamp_store_\index, \index
  load_cbne_load_memcpy_stamp_store  load_cbne_load_memcpy_stamp_store_\index, \index
  load_cbne_load_add_store        load_cbne_load_add_store_\index, \index
  load_cbne_load_add_store_i32    load_cbne_load_add_store_i32_\index, \index
  load_cbne_load_add_store_f64    load_cbne_load_add_store_f64_\index, \index
  load_cbne_load_store            load_cbne_load_store_\index, \index
  load_cbne_load_cbne_store_taken load_cbne_load_cbne_store_taken_\index, \index
  load_cbne_load_store_store      load_cbne_load_store_store_\index, \index
  load_cbne_load_add_cbge_load_store_link  load_cbne_load_add_cbge_load_store_link_\index, \index
.endr

#endif

.section .note.GNU-stack, "", @progbits

/*
 * The critical sections for ppc64le, one copy of each, as ordinary functions.
 *
 * Conventions (ELFv2 ABI), all sections alike:
 *   r3  the calling thread's Area          r4  index: the cpu_id or mm_cid that the caller read
 *   r5 to r10  the operands, in the order of native/rseq/sections.h
 *   r0, r11, r12  scratch          r2  the TOC pointer          r3  the outcome
 *
 * `delay` and the `same_` checks stand where stress builds wait or look twice, and are nothing otherwise
 * (ppc64_stress.inc).
 *
 * Each body is written once and made for cpu_id and for mm_cid, and where it says so for a relaxed
 * and a release commit. No section touches the stack. The descriptor's address is taken relative to
 * the TOC: an absolute one would put a text relocation into a shared object.
 */
#if defined(__powerpc64__)
#include "../abi.h"
#include "ppc64_stress.inc"

.abiversion 2

.set AREA_RSEQ_CS, RSEQ_AREA_RSEQ_CS
.set AREA_cpu_id, RSEQ_AREA_CPU_ID
.set AREA_mm_cid, RSEQ_AREA_MM_CID

/* The function that a section is. Leaves its descriptor's address in r11. */
.macro section_function name
  .pushsection .text.rseq, "ax", @progbits
  .balign 32
  .globl rseq_\name
  .hidden rseq_\name
  .type rseq_\name, @function
rseq_\name:
  .cfi_startproc
  addis %r2, %r12, .TOC. - rseq_\name@ha
  addi  %r2, %r2, .TOC. - rseq_\name@l
  .localentry rseq_\name, . - rseq_\name
  addis %r11, %r2, .Ldescriptor_\name@toc@ha
  addi  %r11, %r11, .Ldescriptor_\name@toc@l
.endm

/* Arms the section by its descriptor's address, in r11, and checks that the thread is still at `index`. */
.macro section_arm name, index
  std   %r11, AREA_RSEQ_CS(%r3)
.Lstart_\name:
  delay armed
  lwz   %r12, AREA_\index(%r3)
  cmplw %r12, %r4
  bne-  .Lmoved_\name
  delay entered
.endm

/* What a section begins with. */
.macro section_begin name, index
  section_function \name
  section_arm \name, \index
.endm

/* The committing store of the 64-bit register `value`, in either memory order. */
.macro commit_relaxed value, address
  std   \value, 0(\address)
.endm
.macro commit_release value, address
  lwsync
  std   \value, 0(\address)
.endm

/* The abort handler's label. The signature before it is a trap, so that it cannot be run into. */
.macro section_abort name
  .long RSEQ_SIGNATURE
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
  li    %r3, RSEQ_DONE
  blr
.Lmoved_\name:
  li    %r3, RSEQ_MOVED
  blr
  .if \compares
.Lcompare_failed_\name:
  li    %r3, RSEQ_COMPARE_FAILED
  blr
  .endif
  inconsistent_exit \name
  section_abort \name
  li    %r3, RSEQ_ABORTED
  blr
  section_tables \name, \compares
.endm

/*
 * load_cbne_store(v, expect, newv):
 *   if (*v != expect) return compare_failed;
 *   *v = newv;                                        // commit
 */
.macro load_cbne_store name, index
  section_begin \name, \index
  ld    %r11, 0(%r5)
  delay loaded
  cmpd  %r11, %r6
  bne-  .Lcompare_failed_\name
  delay ready
  same_index \name, \index
  same_word \name, %r6, %r5
  std   %r7, 0(%r5)
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
  ld    %r11, 0(%r5)
  delay loaded
  cmpd  %r11, %r6
  beq-  .Lcompare_failed_\name
  delay between
  std   %r11, 0(%r8)
  delay between
  ldx   %r11, %r11, %r7
  delay ready
  same_index \name, \index
  same_word_as_memory \name, %r8, %r5
  std   %r11, 0(%r5)
  section_end \name, 1
.endm

/*
 * load_add_store(v, count):
 *   *v = *v + count;                                  // commit
 */
.macro load_add_store name, index
  section_begin \name, \index
  ld    %r11, 0(%r5)
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, %r11, %r5
  add   %r11, %r11, %r6
  std   %r11, 0(%r5)
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
  lwz   %r9, 0(%r7)
  cmplw %r9, %r6
  bge-  .Lmoved_\name
  lwa   %r10, 4(%r7)
  sldi  %r9, %r9, 3
  section_arm \name, \index
  ldx   %r12, %r5, %r9
  delay loaded
  delay ready
  add   %r12, %r12, %r10
  stdx  %r12, %r5, %r9
.Lcommitted_\name:
  addi  %r7, %r7, 8
  cmpld %r7, %r8
  bne+  .Lnext_\name
.Lmoved_\name:
  mr    %r3, %r7
  blr
  section_abort \name
  mr    %r3, %r7
  blr
  section_tables \name, 0
.endm

/*
 * load_add_store_f64(v, count in f1):
 *   *v = *v + count;                                  // commit, a double
 */
.macro load_add_store_f64 name, index
  section_begin \name, \index
  lfd   %f0, 0(%r5)
  delay loaded
  delay ready
  same_index \name, \index
  same_double \name, %f0, %r5
  fadd  %f0, %f0, %f1
  stfd  %f0, 0(%r5)
  section_end \name, 0
.endm

/*
 * load_add_load_load_add_store(ptr, off, inc):
 *   p = *(*ptr + off);
 *   *p = *p + inc;                                    // commit
 */
.macro load_add_load_load_add_store name, index
  section_begin \name, \index
  ld    %r11, 0(%r5)
  delay between
  ldx   %r11, %r11, %r6
  delay between
  ld    %r12, 0(%r11)
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, %r12, %r11
  add   %r12, %r12, %r7
  std   %r12, 0(%r11)
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
  ld    %r11, 0(%r5)
  delay loaded
  cmpd  %r11, %r6
  bne-  .Lcompare_failed_\name
  delay between
  ld    %r11, 0(%r7)
  delay between
  cmpd  %r11, %r8
  bne-  .Lcompare_failed_\name
  delay ready
  same_index \name, \index
  same_word \name, %r6, %r5
  std   %r9, 0(%r5)
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
  ld    %r11, 0(%r5)
  delay loaded
  cmpd  %r11, %r6
  bne-  .Lcompare_failed_\name
  delay between
  std   %r8, 0(%r7)
  delay ready
  same_index \name, \index
  same_word \name, %r6, %r5
  commit_\order %r9, %r5
  section_end \name, 1
.endm

/*
 * load_cbne_memcpy_store(v, expect, dst, src, len, newv):
 *   if (*v != expect) return compare_failed;
 *   memcpy(dst, src, len);                            // words of 8 bytes, then single bytes
 *   *v = newv;                                        // commit, relaxed or release
 * The copy counts up from 0 in r12, so an abort leaves dst and src as they were given.
 */
.macro load_cbne_memcpy_store name, index, order
  section_begin \name, \index
  ld    %r11, 0(%r5)
  delay loaded
  cmpd  %r11, %r6
  bne-  .Lcompare_failed_\name
  li    %r12, 0
  rldicr %r0, %r9, 0, 60
.Lcopy_words_\name:
  cmpld %r12, %r0
  bge   .Lcopy_bytes_\name
  ldx   %r11, %r8, %r12
  delay between
  stdx  %r11, %r7, %r12
  addi  %r12, %r12, 8
  b     .Lcopy_words_\name
.Lcopy_bytes_\name:
  cmpld %r12, %r9
  bge   .Lcopied_\name
  lbzx  %r11, %r8, %r12
  stbx  %r11, %r7, %r12
  addi  %r12, %r12, 1
  b     .Lcopy_bytes_\name
.Lcopied_\name:
  delay ready
  same_index \name, \index
  same_word \name, %r6, %r5
  commit_\order %r10, %r5
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
  lwz   %r11, 0(%r5)
  delay loaded
  cmplw %r11, %r6
  beq-  .Lspun_\name
  cmpldi %r7, 0
  beq   .Lspun_\name
  addi  %r7, %r7, -1
  b     .Lspin_\name
.Lspun_\name:
  delay ready
  same_index \name, \index
  stw   %r11, 0(%r8)
  section_end \name, 0
.endm

/*
 * load_cbne_load_cbge_store_add_store(v, limit, newv in f1):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0];
 *   if (n >= limit) return compare_failed;            // unsigned
 *   v[2 + n] = newv;
 *   v[0] = n + 1;                                     // commit
 */
.macro load_cbne_load_cbge_store_add_store name, index
  section_begin \name, \index
  ld    %r11, 8(%r5)
  cmpdi %r11, 0
  bne-  .Lcompare_failed_\name
  delay between
  ld    %r11, 0(%r5)
  delay loaded
  cmpld %r11, %r6
  bge-  .Lcompare_failed_\name
  delay between
  sldi  %r12, %r11, 3
  add   %r12, %r12, %r5
  stfd  %f1, 16(%r12)
  delay ready
  same_index \name, \index
  same_word \name, %r11, %r5
  addi  %r11, %r11, 1
  std   %r11, 0(%r5)
  section_end \name, 1
.endm

/*
 * load_cbne_load_add_cbge_load_store(v, limit):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0] - 1;
 *   if (n >= limit) return compare_failed;            // unsigned, so 0 elements fail it, too
 *   value = v[2 + n];
 *   v[0] = n;                                         // commit
 * The value is returned beside the outcome, in r4, and in f1 for who asks for nothing else; every exit but the
 * one that has committed leaves a NaN in both, so that the value alone tells, too.
 */
.macro load_cbne_load_add_cbge_load_store name, index
  section_begin \name, \index
  ld    %r11, 8(%r5)
  cmpdi %r11, 0
  bne-  .Lcompare_failed_\name
  delay between
  ld    %r11, 0(%r5)
  delay loaded
  addi  %r12, %r11, -1
  cmpld %r12, %r6
  bge-  .Lcompare_failed_\name
  delay between
  sldi  %r9, %r12, 3
  add   %r9, %r9, %r5
  lfd   %f1, 16(%r9)
  delay ready
  same_index \name, \index
  same_word \name, %r11, %r5
  std   %r12, 0(%r5)
.Lcommitted_\name:
  li    %r3, RSEQ_DONE
  mffprd %r4, %f1
  blr
.Lmoved_\name:
  li    %r3, RSEQ_MOVED
  b     .Lno_value_\name
.Lcompare_failed_\name:
  li    %r3, RSEQ_COMPARE_FAILED
.Lno_value_\name:
  li    %r4, -1
  mtfprd %f1, %r4
  blr
  inconsistent_exit \name
  section_abort \name
  li    %r3, RSEQ_ABORTED
  li    %r4, -1
  mtfprd %f1, %r4
  blr
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
  ld    %r11, 0(%r5)
  li    %r12, 1
  stw   %r12, 0(%r7)
.Lspin_\name:
  cmpldi %r8, 0
  beq   .Lspun_\name
  addi  %r8, %r8, -1
  b     .Lspin_\name
.Lspun_\name:
  add   %r11, %r11, %r6
  std   %r11, 0(%r5)
  section_end \name, 0
.endm

#include "ppc64_ring.inc"
#include "ppc64_array.inc"
#include "ppc64_list.inc"

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

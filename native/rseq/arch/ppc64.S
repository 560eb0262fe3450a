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

#include "ppc64_words.inc"
#include "ppc64_counter.inc"
#include "ppc64_stack.inc"
#include "ppc64_spin.inc"
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
  load_add_store_span             load_add_store_span_\index, \index
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

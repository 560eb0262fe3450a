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

#include "arm64_words.inc"
#include "arm64_counter.inc"
#include "arm64_stack.inc"
#include "arm64_spin.inc"
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

/*
 * The critical sections for x86-64, one copy of each, as ordinary functions.
 *
 * Conventions (System V ABI), all sections alike:
 *   rdi  the calling thread's Area          esi  index: the cpu_id or mm_cid that the caller read
 *   rdx, rcx, r8, r9, then the stack: the operands, in the order of native/rseq/sections.h
 *   rax, r10, r11  scratch                  eax  the outcome          xmm0  a value beside it
 *
 * `delay` and the `same_` checks stand where stress builds wait or look twice, and are nothing otherwise
 * (x86_64_stress.inc).
 *
 * Each body is written once and made twice, for cpu_id and for mm_cid. A section touches no stack
 * but to read its operands, so unwinding through it needs no more than the return address.
 * x86-64 keeps stores in order, so `_release` names the same code as the relaxed section.
 */
#if defined(__x86_64__)
#include "../abi.h"
#include "x86_64_stress.inc"

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
  leaq  .Ldescriptor_\name(%rip), %r11
.endm

/* Arms the section by its descriptor's address, in r11, and checks that the thread is still at `index`. */
.macro section_arm name, index
  movq  %r11, AREA_RSEQ_CS(%rdi)
.Lstart_\name:
  delay armed
  cmpl  %esi, AREA_\index(%rdi)
  jne   .Lmoved_\name
  delay entered
.endm

/* What a section begins with. */
.macro section_begin name, index
  section_function \name
  section_arm \name, \index
.endm

/*
 * The abort handler's label. The signature before it is the operand of an undefined instruction, so
 * that the bytes before abort_ip cannot be run into.
 */
.macro section_abort name
  .byte 0x0f, 0xb9, 0x3d  /* ud1 RSEQ_SIGNATURE(%rip), %edi */
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
  xorl  %eax, %eax
  ret
.Lmoved_\name:
  movl  $RSEQ_MOVED, %eax
  ret
  .if \compares
.Lcompare_failed_\name:
  movl  $RSEQ_COMPARE_FAILED, %eax
  ret
  .endif
  inconsistent_exit \name
  section_abort \name
  movl  $RSEQ_ABORTED, %eax
  ret
  section_tables \name, \compares
.endm

/* A second name for a section whose plain store already has release order. */
.macro release_alias name, target
  .globl rseq_\name
  .hidden rseq_\name
  .type rseq_\name, @function
  .set rseq_\name, rseq_\target
.endm

#include "x86_64_words.inc"
#include "x86_64_counter.inc"
#include "x86_64_stack.inc"
#include "x86_64_spin.inc"
#include "x86_64_ring.inc"
#include "x86_64_array.inc"
#include "x86_64_list.inc"

/*
 * The table of sections: each body above, made for every index and order there is.
 */
.irp index, cpu_id, mm_cid
  load_cbne_store                 load_cbne_store_\index, \index
  load_cbeq_store_add_load_store  load_cbeq_store_add_load_store_\index, \index
  load_add_store                  load_add_store_\index, \index
  load_add_store_each             load_add_store_each_\index, \index
  load_add_store_span             load_add_store_span_\index, \index
  load_add_store_span_avx         load_add_store_span_avx_\index, \index
  load_add_store_f64              load_add_store_f64_\index, \index
  load_add_load_load_add_store    load_add_load_load_add_store_\index, \index
  load_cbne_store_store           load_cbne_store_store_relaxed_\index, \index
  release_alias                   load_cbne_store_store_release_\index, load_cbne_store_store_relaxed_\index
  load_cbne_load_cbne_store       load_cbne_load_cbne_store_\index, \index
  load_cbne_load_cbge_store_add_store  load_cbne_load_cbge_store_add_store_\index, \index
  load_cbne_load_add_cbge_load_store  load_cbne_load_add_cbge_load_store_\index, \index
  load_cbne_memcpy_store          load_cbne_memcpy_store_relaxed_\index, \index
  release_alias                   load_cbne_memcpy_store_release_\index, load_cbne_memcpy_store_relaxed_\index
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

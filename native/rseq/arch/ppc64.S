/*
 * The critical sections for ppc64le, one copy of each, as ordinary functions.
 *
 * Conventions (ELFv2 ABI), all sections alike:
 *   r3  the calling thread's Area          r4  index: the cpu_id or mm_cid that the caller read
 *   r5 to r10  the operands, in the order of native/rseq/sections.h
 *   r0, r11, r12  scratch          r2  the TOC pointer          r3  the outcome
 *
 * `delay` and the `same_` checks mark where stress builds wait or compare a second time; in other builds they are empty
 * (ppc64_stress.inc).
 *
 * Each body is written once and expands to one section for cpu_id and one for mm_cid; if its commit has a memory order,
 * to one of each for relaxed and for release. No section touches the stack. Code computes
 * the descriptor's address relative to the TOC: an absolute address would need a text relocation in a shared object.
 */
#if defined(__powerpc64__)
#include "../abi.h"
#include "ppc64_stress.inc"

.abiversion 2

.set AREA_RSEQ_CS, RSEQ_AREA_RSEQ_CS
.set AREA_cpu_id, RSEQ_AREA_CPU_ID
.set AREA_mm_cid, RSEQ_AREA_MM_CID

/* Begins the function of a section, with the descriptor's address in r11. */
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

/* Begins a section: its function, armed. */
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

/* The abort handler's label. The signature before it is a trap: code that runs into it stops. */
.macro section_abort name
  .long RSEQ_SIGNATURE
.Labort_\name:
.endm

/*
 * Ends the function of a section, and makes its descriptor and its tables. Relocation fills the descriptor; then the
 * dynamic linker makes it read-only (RELRO), so that no stray store redirects the kernel. Linkers protect sections named
 * .data.rel.ro, so the usual name __rseq_cs is not used: __rseq_cs_ptr_array points at all descriptors.
 */
.macro section_tables name, compares
  .cfi_endproc
  .size rseq_\name, . - rseq_\name
  .popsection

  .pushsection .data.rel.ro.rseq_cs, "aw", @progbits
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
 * Ends a section behind its committing store: the exits, the abort handler, and the tables. `compares` is 1 if the body
 * can leave by `compare_failed`.
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

/* section_row makes one section of a body, for one index field; ordered_section_row makes one for each memory order. */
.macro section_row body, index
  \body \body\()_\index, \index
.endm
.macro ordered_section_row body, index
  \body \body\()_relaxed_\index, \index, relaxed
  \body \body\()_release_\index, \index, release
.endm

#define SECTION(body, type) section_row body, INDEX
#define ORDERED_SECTION(body, type) ordered_section_row body, INDEX
#define INDEX cpu_id
#include "../section_table.inc"
#define INDEX mm_cid
#include "../section_table.inc"

#endif

#include "notes.inc"

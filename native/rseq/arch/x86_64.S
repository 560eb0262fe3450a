/*
 * The critical sections for x86-64, one copy of each, as ordinary functions.
 *
 * Conventions (System V ABI), all sections alike:
 *   rdi  the calling thread's Area          esi  index: the cpu_id or mm_cid that the caller read
 *   rdx, rcx, r8, r9, then the stack: the operands, in the order of native/rseq/sections.h
 *   rax, r10, r11  scratch                  eax  the outcome          xmm0  a value beside it
 *
 * `delay` and the `same_` checks mark where stress builds wait or compare a second time; in other builds they are empty
 * (x86_64_stress.inc).
 *
 * Each body is written once and expands to two sections, for cpu_id and for mm_cid. A section uses the stack only to
 * read its operands, so unwinding through it needs only the return address. x86-64 keeps stores in order, so a
 * `_release` section is a second name of the relaxed one.
 */
#if defined(__x86_64__)
#include "../abi.h"
#include "x86_64_stress.inc"

.set AREA_RSEQ_CS, RSEQ_AREA_RSEQ_CS
.set AREA_cpu_id, RSEQ_AREA_CPU_ID
.set AREA_mm_cid, RSEQ_AREA_MM_CID

/*
 * Begins the function of a section, with the descriptor's address in r11. The function begins with a landing pad, as C++
 * may choose between two sections by an indirect jump. The abort handler needs none, as nothing branches to it: the
 * kernel sets the instruction pointer, and a section has no indirect branch after which the CPU would expect a landing
 * pad.
 */
.macro section_function name
  .pushsection .text.rseq, "ax", @progbits
  .balign 32
  .globl rseq_\name
  .hidden rseq_\name
  .type rseq_\name, @function
rseq_\name:
  .cfi_startproc
  endbr64
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

/* Begins a section: its function, armed. */
.macro section_begin name, index
  section_function \name
  section_arm \name, \index
.endm

/*
 * The abort handler's label. The signature before it is the operand of an undefined instruction: code that runs into it
 * traps.
 */
.macro section_abort name
  .byte 0x0f, 0xb9, 0x3d  /* ud1 RSEQ_SIGNATURE(%rip), %edi */
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

/* section_row makes one section of a body, for one index field; ordered_section_row makes one for each memory order. */
.macro section_row body, index
  \body \body\()_\index, \index
.endm
.macro ordered_section_row body, index
  \body \body\()_relaxed_\index, \index
  release_alias \body\()_release_\index, \body\()_relaxed_\index
.endm

#define SECTION(body, type) section_row body, INDEX
#define ORDERED_SECTION(body, type) ordered_section_row body, INDEX
#define INDEX cpu_id
#include "../section_table.inc"
#define INDEX mm_cid
#include "../section_table.inc"

#endif

#include "notes.inc"

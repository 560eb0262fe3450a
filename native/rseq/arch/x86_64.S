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

/*
 * load_cbne_store(v, expect, newv):
 *   if (*v != expect) return compare_failed;
 *   *v = newv;                                        // commit
 */
.macro load_cbne_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  jne   .Lcompare_failed_\name
  delay ready
  same_index \name, \index
  same_word \name, %rcx, %rdx
  movq  %r8, (%rdx)
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
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  je    .Lcompare_failed_\name
  delay between
  movq  %rax, (%r9)
  delay between
  movq  (%rax,%r8), %rax
  delay ready
  same_index \name, \index
  same_word_as_memory \name, %r9, %rdx
  movq  %rax, (%rdx)
  section_end \name, 1
.endm

/*
 * load_add_store(v, count):
 *   *v = *v + count;                                  // commit
 * One read-modify-write instruction would do as well; load and store are kept apart so that all
 * three architectures, and the proofs about them, have the same steps.
 */
.macro load_add_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, %rax, %rdx
  addq  %rcx, %rax
  movq  %rax, (%rdx)
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
  movl  (%r8), %eax
  cmpl  %ecx, %eax
  jae   .Lmoved_\name
  movslq 4(%r8), %r10
  section_arm \name, \index
  addq  (%rdx,%rax,8), %r10
  delay loaded
  delay ready
  movq  %r10, (%rdx,%rax,8)
.Lcommitted_\name:
  addq  $8, %r8
  cmpq  %r9, %r8
  jne   .Lnext_\name
.Lmoved_\name:
  movq  %r8, %rax
  ret
  section_abort \name
  movq  %r8, %rax
  ret
  section_tables \name, 0
.endm

/*
 * load_add_store_f64(v, count in xmm0):
 *   *v = *v + count;                                  // commit, a double
 */
.macro load_add_store_f64 name, index
  section_begin \name, \index
  movsd (%rdx), %xmm1
  delay loaded
  delay ready
  same_index \name, \index
  same_double \name, %xmm1, %rdx
  addsd %xmm0, %xmm1
  movsd %xmm1, (%rdx)
  section_end \name, 0
.endm

/*
 * load_add_load_load_add_store(ptr, off, inc):
 *   p = *(*ptr + off);
 *   *p = *p + inc;                                    // commit
 */
.macro load_add_load_load_add_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay between
  movq  (%rax,%rcx), %rax
  delay between
  movq  (%rax), %r10
  delay loaded
  delay ready
  same_index \name, \index
  same_word \name, %r10, %rax
  addq  %r8, %r10
  movq  %r10, (%rax)
  section_end \name, 0
.endm

/*
 * load_cbne_store_store(v, expect, v2, newv2, newv [stack]):
 *   if (*v != expect) return compare_failed;
 *   *v2 = newv2;
 *   *v = newv;                                        // commit, with release order
 */
.macro load_cbne_store_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  jne   .Lcompare_failed_\name
  movq  8(%rsp), %rax
  delay between
  movq  %r9, (%r8)
  delay ready
  same_index \name, \index
  same_word \name, %rcx, %rdx
  movq  %rax, (%rdx)
  section_end \name, 1
.endm

/*
 * load_cbne_load_cbne_store(v, expect, v2, expect2, newv [stack]):
 *   if (*v != expect) return compare_failed;
 *   if (*v2 != expect2) return compare_failed;
 *   *v = newv;                                        // commit
 */
.macro load_cbne_load_cbne_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  jne   .Lcompare_failed_\name
  delay between
  movq  (%r8), %rax
  delay between
  cmpq  %r9, %rax
  jne   .Lcompare_failed_\name
  movq  8(%rsp), %rax
  delay ready
  same_index \name, \index
  same_word \name, %rcx, %rdx
  movq  %rax, (%rdx)
  section_end \name, 1
.endm

/*
 * load_cbne_memcpy_store(v, expect, dst, src, len [stack], newv [stack]):
 *   if (*v != expect) return compare_failed;
 *   memcpy(dst, src, len);                            // words of 8 bytes, then single bytes
 *   *v = newv;                                        // commit, with release order
 * The copy counts up from 0 in r10, so an abort leaves dst and src as they were given.
 */
.macro load_cbne_memcpy_store name, index
  section_begin \name, \index
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  jne   .Lcompare_failed_\name
  xorl  %r10d, %r10d
  movq  8(%rsp), %r11
  andq  $-8, %r11
.Lcopy_words_\name:
  cmpq  %r11, %r10
  jae   .Lcopy_bytes_\name
  movq  (%r9,%r10), %rax
  delay between
  movq  %rax, (%r8,%r10)
  addq  $8, %r10
  jmp   .Lcopy_words_\name
.Lcopy_bytes_\name:
  cmpq  8(%rsp), %r10
  jae   .Lcopied_\name
  movb  (%r9,%r10), %al
  movb  %al, (%r8,%r10)
  addq  $1, %r10
  jmp   .Lcopy_bytes_\name
.Lcopied_\name:
  delay ready
  same_index \name, \index
  same_word \name, %rcx, %rdx
  movq  16(%rsp), %rax
  movq  %rax, (%rdx)
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
  movl  (%rdx), %eax
  delay loaded
  cmpl  %ecx, %eax
  je    .Lspun_\name
  subq  $1, %r8
  jb    .Lspun_\name
  pause
  jmp   .Lspin_\name
.Lspun_\name:
  delay ready
  same_index \name, \index
  movl  %eax, (%r9)
  section_end \name, 0
.endm

/*
 * load_cbne_load_cbge_store_add_store(v, limit, newv in xmm0):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0];
 *   if (n >= limit) return compare_failed;            // unsigned
 *   v[2 + n] = newv;
 *   v[0] = n + 1;                                     // commit
 */
.macro load_cbne_load_cbge_store_add_store name, index
  section_begin \name, \index
  cmpq  $0, 8(%rdx)
  jne   .Lcompare_failed_\name
  delay between
  movq  (%rdx), %rax
  delay loaded
  cmpq  %rcx, %rax
  jae   .Lcompare_failed_\name
  delay between
  movsd %xmm0, 16(%rdx,%rax,8)
  delay ready
  same_index \name, \index
  same_word \name, %rax, %rdx
  addq  $1, %rax
  movq  %rax, (%rdx)
  section_end \name, 1
.endm

/*
 * load_cbne_load_add_cbge_load_store(v, limit):
 *   if (v[1] != 0) return compare_failed;             // the stop word
 *   n = v[0] - 1;
 *   if (n >= limit) return compare_failed;            // unsigned, so 0 elements fail it, too
 *   value = v[2 + n];
 *   v[0] = n;                                         // commit
 * The value is returned beside the outcome, in xmm0; every exit but the one that has committed leaves
 * a NaN there, so that the value alone tells, too.
 */
.macro load_cbne_load_add_cbge_load_store name, index
  section_begin \name, \index
  cmpq  $0, 8(%rdx)
  jne   .Lcompare_failed_\name
  delay between
  movq  (%rdx), %r10
  delay loaded
  leaq  -1(%r10), %rax
  cmpq  %rcx, %rax
  jae   .Lcompare_failed_\name
  delay between
  movsd 16(%rdx,%rax,8), %xmm0
  delay ready
  same_index \name, \index
  same_word \name, %r10, %rdx
  movq  %rax, (%rdx)
.Lcommitted_\name:
  xorl  %eax, %eax
  ret
.Lmoved_\name:
  movl  $RSEQ_MOVED, %eax
  pcmpeqd %xmm0, %xmm0
  ret
.Lcompare_failed_\name:
  movl  $RSEQ_COMPARE_FAILED, %eax
  pcmpeqd %xmm0, %xmm0
  ret
  inconsistent_exit \name
  section_abort \name
  movl  $RSEQ_ABORTED, %eax
  pcmpeqd %xmm0, %xmm0
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
  movq  (%rdx), %rax
  movl  $1, (%r8)
.Lspin_\name:
  subq  $1, %r9
  jae   .Lspin_\name
  addq  %rcx, %rax
  movq  %rax, (%rdx)
  section_end \name, 0
.endm

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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs for ring 3. Position independent: they are copied to a user page and see only ebx, ecx, edx and their stack. */
#include "ring3.h"
#include "lguest.h"

	.text
	.macro program name
	.globl \name
\name:
	.endm
	.macro sys_exit
	movl	$SYS_EXIT, %eax
	int	$SYSCALL_VECTOR
	.endm

	.globl user_text, user_text_end
	.align	16
user_text:

program user_sum
	movl	$SYS_SUM, %eax
	int	$SYSCALL_VECTOR
	pushl	%eax
	popl	%ebx
	sys_exit

program user_segments
	movl	%cs, %ebx
	shll	$16, %ebx
	movl	%ss, %eax
	movw	%ax, %bx
	sys_exit

/* Tries to clear IF. */
program user_flags
	pushl	$0x2
	popfl
	pushfl
	popl	%ebx
	sys_exit

program user_hlt
	hlt
	sys_exit

program user_cli
	cli
	sys_exit

program user_in
	inb	$0x60, %al
	sys_exit

program user_hypercall
	movl	$HCALL_HALT, %eax
	int	$HCALL_VECTOR
	sys_exit

program user_int_clock
	int	$IRQ_VECTOR_BASE
	sys_exit

program user_int3
	int3
	sys_exit

program user_divide
	xorl	%ecx, %ecx
	divl	%ecx
	sys_exit

program user_peek
	movl	(%ebx), %ebx
	sys_exit

program user_poke
	movl	%ecx, (%ebx)
	movl	(%ebx), %ebx
	sys_exit

program user_jump
	jmp	*%ebx

/* For ebx ticks of the time stamp counter, and for ecx rounds at least: a busy host may take all the ticks between two rounds. */
program user_spin
	rdtsc
	movl	%eax, %esi
1:	rdtsc
	subl	%esi, %eax
	subl	$1, %ecx
	adcl	$0, %ecx
	jnz	1b
	cmpl	%ebx, %eax
	jb	1b
	sys_exit

/* ebx: how many system calls to make; the sum of a counter kept across them is the result. */
program user_calls
	movl	%ebx, %ecx
	xorl	%ebx, %ebx
1:	movl	$SYS_COUNT, %eax
	int	$SYSCALL_VECTOR
	addl	%ecx, %ebx
	decl	%ecx
	jnz	1b
	sys_exit

/* x87 in ring 3: ebx * ecx / ecx through the FPU. */
program user_fpu
	pushl	%ebx
	pushl	%ecx
	fildl	4(%esp)
	fimull	(%esp)
	fidivl	(%esp)
	fistpl	(%esp)
	popl	%ebx
	sys_exit

user_text_end:

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start, the way into ring 3 and back, and the two traps a workload takes. KERNEL_DS is the platform's. */
#include "kernel.h"
#include "platform.h"

	.text
	.globl kernel_start
/* Jumped to by the platform's first instructions, with what the loader left in registers saved in .data. */
kernel_start:
	cld
	movl	$bss_start, %edi
	movl	$image_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	$stack_top, %esp
	call	platform_start
1:	jmp	1b

/* u32 user_call(run, memory, rounds): calls run in ring 3, on a stack of its own. */
	.globl user_call
user_call:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, kernel_esp
	movl	20(%esp), %eax
	movl	24(%esp), %ebx
	movl	28(%esp), %ecx
	pushl	$BENCH_USER_DS
	pushl	$user_stack_top
	pushl	$2
	pushl	$BENCH_USER_CS
	pushl	$user_start
	movl	$BENCH_USER_DS, %edx
	movl	%edx, %ds
	movl	%edx, %es
	iret

user_start:
	pushl	%ecx
	pushl	%ebx
	call	*%eax
	movl	%eax, %ebx
	movl	$CALL_LEAVE, %eax
	int	$0x80

	.align	16
	.globl system_call_stub
system_call_stub:
	testl	%eax, %eax
	jz	1f
	incl	system_calls
	iret
1:	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%ebx, %eax
	movl	kernel_esp, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

	.align	16
	.globl page_fault_stub
page_fault_stub:
	pushal
	call	fault_address
	pushl	%eax
	call	page_fault
	addl	$4, %esp
	popal
	addl	$4, %esp
	iret

	.bss
	.align	4
kernel_esp:	.long 0
	.globl system_calls
system_calls:	.long 0
	.align	4096
	.globl trap_stack_top
stack:
	.space	32768
stack_top:
trap_stack:
	.space	8192
trap_stack_top:
user_stack:
	.space	32768
user_stack_top:

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First instruction, trap and interrupt stubs, the way back, and the jumps out of a trap. */
#include "lguest.h"

	.text
	.globl _start
/* CPL 1, flat segments, no stack, boot parameters at %esi (0). Keep what we were given for the self-test. */
_start:
	movl	%esp, entry_esp
	movl	%esi, entry_esi
	/* A launcher that maps whole pages of the file leaves its section headers here. */
	cld
	movl	$bss_start, %edi
	movl	$image_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	$boot_stack_top, %esp
	pushfl
	popl	entry_eflags
	call	puppy_main
1:	jmp	1b

/* One stub per vector: make all frames look alike by pushing a zero where the CPU pushes no error code. */
.macro stub vector
	.align	8
	.if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17)
	.else
	pushl	$0
	.endif
	pushl	$\vector
	jmp	trap_common
.endm

	.align	8
	.globl trap_stubs
/* 16 bytes each: vectors 0 to 0x3f, then the system call. */
trap_stubs:
	.set	v, 0
	.rept	64
	.align	16
	stub	v
	.set	v, v + 1
	.endr
	.align	16
	.globl syscall_stub
syscall_stub:
	stub	SYSCALL_VECTOR

	.align	16
trap_common:
	pushal
	pushl	%ds
	pushl	%es
	/* From ring 3 the data segments are the user's; DF may be anyone's. */
	cld
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	pushl	%esp
	call	trap_dispatch
	addl	$4, %esp
	popl	%es
	popl	%ds
	popal
	addl	$8, %esp
/* The frame's IF bit is the software interrupt flag: put it back, but let nobody interrupt us between that and iret. */
	.globl trap_return, noirq_start, noirq_end
trap_return:
	pushl	%eax
	movl	12(%esp), %eax
	andl	$IF_BIT, %eax
noirq_start:
	movl	%eax, %ss:lguest_data
	popl	%eax
	iret

/* u32 noirq_spin(u32 tsc_ticks): turns interrupts on, spins inside the protected range and returns the clock count seen there. */
	.globl noirq_spin
noirq_spin:
	movl	$IF_BIT, lguest_data
	rdtsc
	movl	%eax, %ecx
1:	rdtsc
	subl	%ecx, %eax
	cmpl	4(%esp), %eax
	jb	1b
	movl	irq_count, %eax
	ret
noirq_end:

/* u32 trap_try(void (*fn)(void *), void *arg): 0 when fn returned, 1 when a trap ended it (see trap_unwind). */
	.globl trap_try, trap_unwind
trap_try:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	trap_try_esp
	movl	%esp, trap_try_esp
	movl	24(%esp), %eax
	pushl	28(%esp)
	call	*%eax
	addl	$4, %esp
	xorl	%eax, %eax
	jmp	1f
trap_unwind:
	movl	trap_try_esp, %esp
	movl	$1, %eax
1:	popl	trap_try_esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

/* void user_enter(const struct user_regs *): to ring 3; comes back when trap code calls user_leave. */
	.globl user_enter, user_leave
user_enter:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, user_enter_esp
	movl	20(%esp), %esi
	pushl	$USER_DS
	pushl	4(%esi)
	pushl	$(IF_BIT | 2)
	pushl	$USER_CS
	pushl	0(%esi)
	movl	8(%esi), %eax
	movl	12(%esi), %ebx
	movl	16(%esi), %ecx
	movl	20(%esi), %edx
	pushl	$USER_DS
	popl	%ds
	pushl	$USER_DS
	popl	%es
	jmp	trap_return
user_leave:
	movl	user_enter_esp, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

/*
 * void hcall_registers(u32 regs[8]): eax ebx ecx edx esi edi ebp eflags in, the same after the hypercall out.
 * Used to see that a hypercall touches none of them.
 */
	.globl hcall_registers
hcall_registers:
	pushal
	movl	36(%esp), %eax
	pushl	%eax
	pushl	28(%eax)
	popfl
	movl	4(%eax), %ebx
	movl	8(%eax), %ecx
	movl	12(%eax), %edx
	movl	16(%eax), %esi
	movl	20(%eax), %edi
	movl	24(%eax), %ebp
	movl	0(%eax), %eax
	int	$HCALL_VECTOR
	pushfl
	pushl	%eax
	movl	8(%esp), %eax
	movl	%ebx, 4(%eax)
	movl	%ecx, 8(%eax)
	movl	%edx, 12(%eax)
	movl	%esi, 16(%eax)
	movl	%edi, 20(%eax)
	movl	%ebp, 24(%eax)
	popl	0(%eax)
	popl	28(%eax)
	addl	$4, %esp
	cld
	popal
	ret

	.data
	.align	4
	.globl entry_esp, entry_esi, entry_eflags
/* Not in .bss, which is cleared after the first two are stored. */
entry_esp:	.long 0
entry_esi:	.long 0
entry_eflags:	.long 0

	.bss
	.align	16
	.globl trap_try_esp
trap_try_esp:	.long 0
user_enter_esp:	.long 0
	.align	4096
boot_stack:
	.space	16384
boot_stack_top:
/* Where traps from ring 3 land (SET_STACK); two pages, as many as the ABI allows. */
	.globl trap_stack_top
trap_stack:
	.space	8192
trap_stack_top:

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A multiboot kernel: protected mode, flat segments of the loader's, the information structure at %ebx. */
#include "platform.h"

	.text
	.align	4
	.long	0x1badb002
	.long	0
	.long	-0x1badb002

	.globl _start
_start:
	movl	%ebx, multiboot_info
	lgdt	gdt_pointer
	ljmp	$KERNEL_CS, $1f
1:	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	jmp	kernel_start

	.data
	.align	4
	.globl multiboot_info, gdt
multiboot_info:	.long 0
gdt_pointer:
	.word	17 * 8 - 1
	.long	gdt
	.align	8
gdt:
	.fill	12, 8, 0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00cffa000000ffff
	.quad	0x00cff2000000ffff
	.quad	0

	.section .note.GNU-stack, "", @progbits

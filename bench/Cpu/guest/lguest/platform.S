/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 1, flat segments, no stack, boot parameters at physical 0: as lguest starts a guest. */
	.text
	.globl _start
_start:
	jmp	kernel_start

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's segments in our own GDT. */
#define KERNEL_CS 0x60
#define KERNEL_DS 0x68
#define TASK      0x80

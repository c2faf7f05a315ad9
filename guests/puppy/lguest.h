/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lguest ABI as Linux 3.1 to 3.19 has it: every number and layout puppy needs, in one place. */
#ifndef LGUEST_H
#define LGUEST_H

#include "types.h"

/* Hypercalls: int $0x1f, number in eax, arguments in ebx, ecx, edx, esi. Nothing is returned. */
#define HCALL_VECTOR           0x1f

#define HCALL_FLUSH_ASYNC      0
#define HCALL_LGUEST_INIT      1
#define HCALL_SHUTDOWN         2
#define HCALL_NEW_PGTABLE      4
#define HCALL_FLUSH_TLB        5
#define HCALL_LOAD_IDT_ENTRY   6
#define HCALL_SET_STACK        7
#define HCALL_TS               8
#define HCALL_SET_CLOCKEVENT   9
#define HCALL_HALT             10
#define HCALL_SET_PTE          14
#define HCALL_SET_PGD          15
#define HCALL_LOAD_TLS         16
#define HCALL_NOTIFY           17
#define HCALL_LOAD_GDT_ENTRY   18
#define HCALL_SEND_INTERRUPTS  19

#define SHUTDOWN_POWEROFF      1
#define SHUTDOWN_RESTART       2

/* Selectors: the Host gives us GDT entries 12 and 13, the user pair we load ourselves. */
#define KERNEL_CS              0x61
#define KERNEL_DS              0x69
#define USER_CS                0x73
#define USER_DS                0x7b
#define GDT_TLS_FIRST          6
#define GDT_USER_CS            14
#define GDT_USER_DS            15

#define IRQ_COUNT              32
#define IRQ_VECTOR_BASE        0x20
#define IRQ_CLOCK              0
#define SYSCALL_VECTOR         0x80
#define IF_BIT                 0x200

/* The value must lie below the Host's reserved top of memory; puppy maps nothing above it. */
#define KERNEL_ADDRESS         0xc0000000u

#define HCALL_RING             64
#define HCALL_DONE             0xff

#ifndef __ASSEMBLER__

struct hcall_args {
	u32 nr, a, b, c, d;
};

/* The page shared with the Host. Who writes what: irq_enabled both, blocked and the ring we, the rest the Host. */
struct lguest_data {
	volatile u32 irq_enabled;
	volatile u32 blocked_interrupts;
	volatile u32 cr2;
	volatile u32 time_sec;
	volatile u32 time_nsec;
	volatile u32 irq_pending;
	volatile u8 hcall_status[HCALL_RING];
	struct hcall_args hcalls[HCALL_RING];
	volatile u32 reserve_mem;
	volatile u32 tsc_khz;
	u32 noirq_start;
	u32 noirq_end;
	u32 kernel_address;
	u32 syscall_vec;
};
_Static_assert(sizeof(struct lguest_data) == 1392, "3.1 layout");
_Static_assert(offsetof(struct lguest_data, hcalls) == 88, "3.1 layout");
_Static_assert(offsetof(struct lguest_data, syscall_vec) == 1388, "3.1 layout");

/* Offsets into the boot parameters at guest-physical 0. */
#define BOOT_E820_ENTRIES      0x1e8
#define BOOT_VERSION           0x206
#define BOOT_LOADFLAGS         0x211
#define BOOT_RAMDISK_IMAGE     0x218
#define BOOT_RAMDISK_SIZE      0x21c
#define BOOT_CMD_LINE_PTR      0x228
#define BOOT_SUBARCH           0x23c
#define BOOT_E820_MAP          0x2d0
#define BOOT_SUBARCH_LGUEST    1
#define BOOT_KEEP_SEGMENTS     0x40

/* Device page: packed descriptors just above RAM, ended by type 0. */
struct lguest_device_desc {
	volatile u8 type;
	volatile u8 num_vq;
	volatile u8 feature_len;
	volatile u8 config_len;
	volatile u8 status;
} __attribute__((packed));

struct lguest_vqconfig {
	volatile u16 num;
	volatile u16 irq;
	volatile u32 pfn;
} __attribute__((packed));

#define VRING_ALIGN            4096

#endif
#endif

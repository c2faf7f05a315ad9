/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions as ring 1 of an lguest machine sees them. */
#include "selftest.h"

#define OP(name, text)                                                           \
	static void op_##name(void *arg)                                         \
	{                                                                        \
		(void)arg;                                                       \
		__asm__ volatile(text ::: "memory", "cc", "eax", "edx", "edi");  \
	}

OP(hlt, "hlt")
OP(sti, "sti")
OP(ud2, "ud2")
OP(int3, "int3")
OP(int_irq, "int $0x21")
OP(int_14, "int $14")
OP(int_13, "int $13")
OP(read_cr0, "movl %%cr0, %%eax")
OP(read_cr3, "movl %%cr3, %%eax")
OP(write_cr4, "movl %%eax, %%cr4")
OP(clts, "clts")
OP(invlpg, "invlpg (%%esp)")
OP(rdmsr, "rdmsr")
OP(wbinvd, "wbinvd")
OP(lidt, "lidt (%%esp)")
OP(lgdt, "lgdt (%%esp)")
OP(into, "movb $0x7f, %%al; addb $1, %%al; into")
OP(ins, "movl %%esp, %%edi; insb")

static const char *privileged(void)
{
	static const struct {
		const char *name;
		void (*op)(void *);
	} ops[] = {
		{ "hlt", op_hlt }, { "sti", op_sti }, { "mov from cr0", op_read_cr0 }, { "mov from cr3", op_read_cr3 },
		{ "mov to cr4", op_write_cr4 }, { "clts", op_clts }, { "invlpg", op_invlpg }, { "rdmsr", op_rdmsr },
		{ "wbinvd", op_wbinvd }, { "lidt", op_lidt }, { "lgdt", op_lgdt }, { "insb", op_ins },
	};

	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		TRY(expect_trap(ops[i].name, ops[i].op, NULL, TRAP_PROTECTION, 0));
		CHECK(last_trap.cs == KERNEL_CS, "%s: CS %x in the frame", ops[i].name, last_trap.cs);
	}
	return NULL;
}

static const char *cli_skipped(void)
{
	u32 flags;

	__asm__ volatile("cli; cli; pushfl; popl %0" : "=r"(flags) :: "memory");
	CHECK(flags & IF_BIT, "PUSHF shows IF clear");
	CHECK(lguest_data.irq_enabled & IF_BIT, "the software flag went off");
	return NULL;
}

static const char *in_all_ones(void)
{
	u32 byte = 0x12345600, word = 0x12340000, full = 0, fixed = 0x9abcde00;

	__asm__ volatile("inb %%dx, %%al" : "+a"(byte) : "d"(0x3f8));
	__asm__ volatile("inw %%dx, %%ax" : "+a"(word) : "d"(0xcfc));
	__asm__ volatile("inl %%dx, %%eax" : "+a"(full) : "d"(0xcfc));
	__asm__ volatile("inb $0x21, %%al" : "+a"(fixed));
	CHECK(byte == 0x123456ff, "inb gave %x", byte);
	CHECK(word == 0x1234ffff, "inw gave %x", word);
	CHECK(full == 0xffffffff, "inl gave %x", full);
	CHECK(fixed == 0x9abcdeff, "inb $0x21 gave %x", fixed);
	__asm__ volatile("outb %%al, $0x80; outb %%al, %%dx; outw %%ax, %%dx; outl %%eax, %%dx" :: "a"(0), "d"(0x80));
	return NULL;
}

static const char *popf_keeps_if(void)
{
	u32 flags;

	__asm__ volatile("pushfl; andl $~0x200, (%%esp); orl $0x3000, (%%esp); popfl; pushfl; popl %0" : "=r"(flags) :: "memory", "cc");
	CHECK(flags & IF_BIT, "IF is clear");
	CHECK(!(flags & 0x3000), "IOPL is %u", flags >> 12 & 3);
	/* AC and ID may be changed, and are put back. */
	__asm__ volatile("pushfl; orl $0x200000, (%%esp); popfl; pushfl; popl %0; pushl $2; popfl" : "=r"(flags) :: "memory", "cc");
	CHECK(flags & 0x200000, "ID cannot be set");
	return NULL;
}

static void op_divide(void *arg)
{
	u32 *n = arg, q, r;

	__asm__ volatile("divl %4" : "=a"(q), "=d"(r) : "0"(n[0]), "1"(n[1]), "r"(n[2]) : "cc");
	n[0] = q;
}

static void op_idiv(void *arg)
{
	s32 q, r;

	(void)arg;
	__asm__ volatile("idivl %4" : "=a"(q), "=d"(r) : "0"(0x80000000), "1"(-1), "r"(-1) : "cc");
}

static void op_bound(void *arg)
{
	s32 limits[2] = { 1, 10 };

	(void)arg;
	__asm__ volatile("boundl %0, %1" :: "r"(11), "m"(limits));
}

static const char *divide_error(void)
{
	u32 zero[3] = { 1, 0, 0 }, overflow[3] = { 0, 5, 5 }, fine[3] = { 0xffffffff, 4, 5 };

	TRY(expect_trap("division by zero", op_divide, zero, TRAP_DIVIDE, 0));
	CHECK(*(u8 *)last_trap.eip == 0xf7, "EIP is not at the instruction");
	TRY(expect_trap("quotient overflow", op_divide, overflow, TRAP_DIVIDE, 0));
	TRY(expect_trap("smallest by -1", op_idiv, NULL, TRAP_DIVIDE, 0));
	CHECK(!trap_try(op_divide, fine) && fine[0] == 0xffffffff, "the largest quotient faults");
	return NULL;
}

static const char *breakpoint(void)
{
	TRY(expect_trap("int3", op_int3, NULL, TRAP_BREAKPOINT, 0));
	CHECK(*(u8 *)(last_trap.eip - 1) == 0xcc, "EIP is not after the instruction");
	TRY(expect_trap("into", op_into, NULL, TRAP_OVERFLOW, 0));
	TRY(expect_trap("bound", op_bound, NULL, TRAP_BOUND, 0));
	return NULL;
}

static const char *undefined(void)
{
	TRY(expect_trap("ud2", op_ud2, NULL, TRAP_UNDEFINED, 0));
	CHECK(*(u16 *)last_trap.eip == 0x0b0f, "EIP is not at the instruction");
	return NULL;
}

static const char *int_n_privilege(void)
{
	TRY(expect_trap("int 0x21", op_int_irq, NULL, TRAP_PROTECTION, 0x21 * 8 + 2));
	TRY(expect_trap("int 14", op_int_14, NULL, TRAP_PROTECTION, 14 * 8 + 2));
	TRY(expect_trap("int 13", op_int_13, NULL, TRAP_PROTECTION, 13 * 8 + 2));
	return NULL;
}

/* The frame and irq_enabled say whether interrupts were on; an interrupt gate turns them off. */
static const char *frame_flags(void)
{
	irq_off();
	trap_try(op_ud2, NULL);
	irq_on();
	CHECK(!(last_trap.eflags & IF_BIT), "IF set in the frame though interrupts were off");
	trap_try(op_ud2, NULL);
	CHECK(last_trap.eflags & IF_BIT, "IF clear in the frame though interrupts were on");
	CHECK(!(last_trap.irq_enabled & IF_BIT), "interrupts on in the handler");
	return NULL;
}

static volatile u32 steps;

static bool count_step(struct trap_frame *frame)
{
	if (frame->vector != TRAP_DEBUG)
		return false;
	if (++steps == 3)
		frame->eflags &= ~0x100u;
	return true;
}

static const char *single_step(void)
{
	u32 value = 0;

	steps = 0;
	trap_hook = count_step;
	__asm__ volatile("pushfl; orl $0x100, (%%esp); popfl; incl %0; incl %0; incl %0; incl %0" : "+r"(value) :: "memory", "cc");
	CHECK(steps == 3, "%u steps", steps);
	CHECK(value == 4, "%u instructions done", value);
	return NULL;
}

static void op_fninit(void *arg)
{
	(void)arg;
	__asm__ volatile("fninit");
}

static volatile u32 fpu_traps;

static bool give_fpu(struct trap_frame *frame)
{
	if (frame->vector != TRAP_NO_FPU)
		return false;
	fpu_traps++;
	hcall(HCALL_TS, 0, 0, 0, 0);
	return true;
}

static const char *task_switched(void)
{
	double d = 0;

	hcall(HCALL_TS, 8, 0, 0, 0);
	TRY(expect_trap("fninit with TS", op_fninit, NULL, TRAP_NO_FPU, 0));
	TRY(expect_trap("again", op_fninit, NULL, TRAP_NO_FPU, 0));
	fpu_traps = 0;
	trap_hook = give_fpu;
	__asm__ volatile("fld1; fldpi; faddp; fstpl %0" : "=m"(d));
	CHECK(fpu_traps == 1, "%u exceptions where the handler gives the FPU", fpu_traps);
	CHECK(d > 4.14159 && d < 4.1416, "wrong sum after the exception");
	hcall_async(HCALL_TS, 1, 0, 0, 0);
	hcall_async(HCALL_TS, 0, 0, 0, 0);
	hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK(!trap_try(op_fninit, NULL), "exception after TS was cleared in the ring");
	return NULL;
}

static const char *fpu(void)
{
	volatile double x = 4195835, y = 3145727, two = 2;
	double rest, root;
	s32 rounded, truncated;
	u16 control = 0, old, status;
	u8 carry;

	__asm__ volatile("fninit; fnstcw %0; fnstsw %1" : "=m"(old), "=m"(status));
	CHECK(old == 0x37f && status == 0, "after fninit: control %x status %x", old, status);
	rest = x - x / y * y;
	CHECK(rest > -1e-6 && rest < 1e-6, "4195835 - 4195835 / 3145727 * 3145727 is not 0");
	__asm__("fldl %1; fsqrt; fstpl %0" : "=m"(root) : "m"(two));
	CHECK(root > 1.41421356237309 && root < 1.41421356237310, "wrong square root");
	x = 2.5;
	__asm__ volatile("fldl %1; fistpl %0" : "=m"(rounded) : "m"(x));
	control = old | 0xc00;
	__asm__ volatile("fldcw %2; fldl %1; fistpl %0; fldcw %3" : "=m"(truncated) : "m"(x), "m"(control), "m"(old));
	CHECK(rounded == 2 && truncated == 2, "2.5 rounds to %d, truncates to %d", rounded, truncated);
	x = -2.75;
	__asm__ volatile("fldl %1; fistpl %0" : "=m"(rounded) : "m"(x));
	CHECK(rounded == -3, "-2.75 rounds to %d", rounded);
	__asm__ volatile("fld1; fldl %1; fcomip %%st(1), %%st; fstp %%st(0); setb %0" : "=q"(carry) : "m"(x) : "cc");
	CHECK(carry, "-2.75 is not below 1");
	return NULL;
}

static const char *tls_segments(void)
{
	static u32 block[2][4] = { { 0x11111111, 1 }, { 0x22222222, 2 } };
	static u32 entries[6];
	u32 value[2];

	for (u32 i = 0; i < 2; i++) {
		u32 base = GPA(block[i]);

		__asm__ volatile("movl %0, %%gs" :: "r"(0));
		memset(entries, 0, sizeof(entries));
		/* Byte granular data segments, DPL 3, in the first and the last of the three slots. */
		entries[0] = entries[4] = base << 16 | 0xfff;
		entries[1] = entries[5] = (base & 0xff000000u) | 0x0040f200 | (base >> 16 & 0xff);
		hcall(HCALL_LOAD_TLS, GPA(entries), 0, 0, 0);
		__asm__ volatile("movl %1, %%gs; movl %%gs:0, %0" : "=r"(value[i]) : "r"((GDT_TLS_FIRST + 2 * i) << 3 | 3));
	}
	__asm__ volatile("movl %0, %%gs" :: "r"(0));
	CHECK(value[0] == 0x11111111, "first slot reads %x", value[0]);
	CHECK(value[1] == 0x22222222, "third slot, other base, reads %x", value[1]);
	return NULL;
}

static void op_load_fs(void *arg)
{
	__asm__ volatile("movl %0, %%fs" :: "r"(arg));
}

static const char *gdt_entries(void)
{
	static u32 data[2] = { 0xcafe0000, 0xcafe0001 };
	u32 base = GPA(data), value, access = 0;

	/* DPL 0: the Host must make it usable for ring 1. */
	load_gdt_entry(20, base << 16 | 0xfff, (base & 0xff000000u) | 0x00409200 | (base >> 16 & 0xff));
	__asm__ volatile("movl %1, %%fs; movl %%fs:4, %0" : "=r"(value) : "r"(20 << 3 | 1));
	CHECK(value == 0xcafe0001, "reads %x through it", value);
	__asm__ volatile("larl %1, %0" : "+r"(access) : "r"(20 << 3 | 1) : "cc");
	CHECK((access & 0xff00) == 0xb300, "access byte %x, not b3", access >> 8 & 0xff);
	__asm__ volatile("movl %0, %%fs" :: "r"(0));
	TRY(expect_trap("load of an empty entry", op_load_fs, (void *)(30 << 3 | 1), TRAP_PROTECTION, 30 << 3));
	load_gdt_entry(21, 0xffff, 0x00cf1200);
	TRY(expect_trap("load of a not present segment", op_load_fs, (void *)(21 << 3 | 1), TRAP_NOT_PRESENT, 21 << 3));
	TRY(expect_trap("load past the table", op_load_fs, (void *)(32 << 3 | 1), TRAP_PROTECTION, 32 << 3));
	return NULL;
}

static u32 call_code(void *code)
{
	return ((u32 (*)(void))code)();
}

static void write_code(u8 *at, u32 value)
{
	at[0] = 0xb8;	/* mov $value, %eax; ret */
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
	barrier();
}

static const char *modified_code(void)
{
	u8 *page = page_alloc(1);

	for (u32 i = 1; i <= 50; i++) {
		write_code(page, i * 0x01010101);
		CHECK(call_code(page) == i * 0x01010101, "version %u: the old code ran", i);
	}
	/* One byte only, of an instruction in the middle of its page. */
	page[3] = 0x77;
	barrier();
	CHECK(call_code(page) == 0x32773232, "the old immediate was used: %x", call_code(page));
	return NULL;
}

static const char *modified_across_pages(void)
{
	u8 *pages = page_alloc(2), *at = pages + PAGE_SIZE - 3;

	write_code(at, 0x11112222);
	CHECK(call_code(at) == 0x11112222, "first version");
	pages[PAGE_SIZE + 1] = 0x99;
	barrier();
	CHECK(call_code(at) == 0x99112222, "second page changed: got %x", call_code(at));
	at[1] = 0x33;
	barrier();
	CHECK(call_code(at) == 0x99112233, "first page changed: got %x", call_code(at));
	/* A block copied over running code, not by single stores. */
	memcpy(at, (u8[]){ 0x31, 0xc0, 0x40, 0xc3 }, 4);
	CHECK(call_code(at) == 1, "copied code: got %x", call_code(at));
	return NULL;
}

static const char *modified_through_alias(void)
{
	u8 *page = page_alloc(1), *alias = (u8 *)TEST_VA;

	map_page(kernel_pgd, TEST_VA, GPA(page) | PTE_P | PTE_RW);
	write_code(page + 64, 1);
	CHECK(call_code(page + 64) == 1 && call_code(alias + 64) == 1, "first version");
	write_code(alias + 64, 2);
	CHECK(call_code(page + 64) == 2, "written through the alias, run directly: old code");
	write_code(page + 64, 3);
	CHECK(call_code(alias + 64) == 3, "written directly, run through the alias: old code");
	map_page(kernel_pgd, TEST_VA, 0);
	return NULL;
}

/* Code that changes the instruction it is about to jump to, and one that changes its own successor. */
static const char *modified_by_itself(void)
{
	u8 *page = page_alloc(1);
	u32 target = GPA(page) + 9, successor = GPA(page) + 64 + 8;

	/* movb $5, target+1; jmp target; nothing between; target: mov $1, %eax; ret */
	memcpy(page, (u8[]){ 0xc6, 0x05, 0, 0, 0, 0, 5, 0xeb, 0, 0xb8, 1, 0, 0, 0, 0xc3 }, 15);
	target++;
	memcpy(page + 2, &target, 4);
	CHECK(call_code(page) == 5, "jump to the changed instruction gave %u", call_code(page));
	/* movb $6, successor+1 (7 bytes); nop; successor: mov $1, %eax; ret */
	memcpy(page + 64, (u8[]){ 0xc6, 0x05, 0, 0, 0, 0, 6, 0x90, 0xb8, 1, 0, 0, 0, 0xc3 }, 14);
	successor++;
	memcpy(page + 66, &successor, 4);
	CHECK(call_code(page + 64) == 6, "the changed next instruction gave %u", call_code(page + 64));
	return NULL;
}

static const char *direction_flag(void)
{
	static char buffer[40];
	char *text = buffer + 4, *to, *from;
	u32 count;

	memcpy(text, "abcdefgh", 8);
	/* Overlapping, upwards by two: right only from the top down. */
	to = text + 9, from = text + 7, count = 8;
	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(count) :: "memory");
	CHECK(!memcmp(text, "ababcdefgh", 10), "rep movsb: %s", text);
	CHECK(to == text + 1 && from == text - 1 && !count, "rep movsb left edi %d esi %d ecx %u", to - text, from - text, count);
	to = text + 12;
	__asm__ volatile("std; stosl; cld" : "+D"(to) : "a"(0x64636261) : "memory");
	CHECK(to == text + 8 && !memcmp(text + 12, "abcd", 4), "stosl");
	to = text + 9, count = 10;
	__asm__ volatile("std; repne scasb; cld" : "+D"(to), "+c"(count) : "a"('b') : "memory", "cc");
	CHECK(to == text + 2 && count == 3, "repne scasb left edi %d ecx %u", to - text, count);
	to = text + 28, from = text + 13, count = 2;
	__asm__ volatile("std; rep movsw; cld" : "+D"(to), "+S"(from), "+c"(count) :: "memory");
	CHECK(to == text + 24 && from == text + 9, "rep movsw left edi %d esi %d", to - text, from - text);
	return NULL;
}

const struct test cpu_tests[] = {
	{ "privileged instructions", privileged },
	{ "cli is skipped", cli_skipped },
	{ "in gives all ones", in_all_ones },
	{ "popf keeps IF", popf_keeps_if },
	{ "divide error", divide_error },
	{ "breakpoint", breakpoint },
	{ "undefined opcode", undefined },
	{ "int n privilege", int_n_privilege },
	{ "exception frame flags", frame_flags },
	{ "single step", single_step },
	{ "task switched", task_switched },
	{ "fpu", fpu },
	{ "tls segments", tls_segments },
	{ "gdt entries", gdt_entries },
	{ "modified code", modified_code },
	{ "modified code across pages", modified_across_pages },
	{ "modified code through alias", modified_through_alias },
	{ "modified code by itself", modified_by_itself },
	{ "direction flag", direction_flag },
	{ NULL, NULL },
};

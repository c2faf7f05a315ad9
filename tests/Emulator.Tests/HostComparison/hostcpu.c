// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The second CPU of the comparison: runs i386 snippets on the host's own processor and reports the state after each.
 *
 * Build: gcc -m32 -O1 -static -nostdlib -ffreestanding -fno-pie -no-pie -fno-stack-protector -o hostcpu hostcpu.c
 *
 * There is no C library on purpose. Its thread-local storage lives behind %gs, which the snippets change, and without it
 * the compiler needs no 32-bit headers or libraries to be installed.
 *
 * All numbers are little endian. On standard input first comes the set-up:
 *	u32 pages; per page: u32 address, u32 writable (0 or 1), 4096 bytes of contents
 *	u32 descriptors; per LDT descriptor: the 16 bytes of modify_ldt's struct user_desc
 * answered by one u32 whose bit i tells that page i could be mapped (low addresses may be refused to ordinary users), or by
 * 0 if the LDT cannot be had. Batches follow until the end of the input:
 *	u32 bytes in the batch, u32 cases in it
 *	per case: struct test_case, then, if it has vectors, FXSAVE's image of 512 bytes, then u32 patches and per patch: u32 address,
 *	u32 length, the bytes
 * and each case is answered by a struct outcome, the image behind the case if it had one before, and its memory differences: their
 * number, and each in the form of a patch.
 */
#include <stdint.h>

#define PAGE_BYTES 4096u
#define MAX_PAGES 16u
#define BATCH_BYTES (16u << 20)
#define OUTPUT_BYTES (1u << 20)
#define SIGNAL_STACK_BYTES (256u << 10)
#define TIMED_OUT 0xFFu
#define VECTOR_BYTES 512u
/* Where FXSAVE's image lies in the signal frame: behind the one that FSAVE would have made. */
#define VECTORS_IN_FRAME 112u

struct test_case {
	uint32_t flags;
	uint32_t registers[8]; /* as PUSHA leaves them in memory: EDI first */
	uint32_t eip;
	uint16_t es, ds, fs, gs;
	uint32_t vectors; /* 1: x87, MMX and SSE registers are loaded and reported */
};

struct outcome {
	uint32_t flags;
	uint32_t registers[8];
	uint32_t eip;
	uint32_t vector, error, address;
	uint16_t es, cs, ss, ds, fs, gs;
};

/* The kernel's i386 signal frame, as far as it is needed. */
struct signal_context {
	uint16_t gs, gs_high, fs, fs_high, es, es_high, ds, ds_high;
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t trap, error, eip;
	uint16_t cs, cs_high;
	uint32_t flags, esp_at_signal;
	uint16_t ss, ss_high;
	uint32_t fpu_state, old_mask, cr2;
};

struct user_context {
	uint32_t flags, link;
	uint32_t stack_address, stack_flags, stack_size;
	struct signal_context machine;
};

struct kernel_action {
	void (*handler)(int, void *, struct user_context *);
	uint32_t flags;
	void (*restorer)(void);
	uint32_t mask[2];
};

static uint32_t page_count, page_mapped;
static uint8_t *page_address[MAX_PAGES];
static uint32_t page_writable[MAX_PAGES];
static int page_touched[MAX_PAGES];
static uint8_t base_image[MAX_PAGES][PAGE_BYTES];
static uint8_t before[MAX_PAGES][PAGE_BYTES];

static uint8_t batch[BATCH_BYTES];
static uint8_t output[OUTPUT_BYTES];
static uint32_t output_used;
static uint8_t signal_stack[SIGNAL_STACK_BYTES] __attribute__((aligned(64)));

static volatile int running;
static volatile uint32_t ticks;
static struct outcome last;

/* Read and written by the assembly below. */
struct test_case current_case __attribute__((used));
uint8_t vectors[VECTOR_BYTES] __attribute__((used, aligned(16)));
uint32_t entry_esp __attribute__((used));
uint32_t saved_esp __attribute__((used));

void run_case(void);
void leave_case(void) __attribute__((noreturn));
void signal_return(void);

/*
 * run_case loads the whole state and jumps into the snippet; leave_case, called by the signal handler that the snippet's end
 * or fault brings, makes run_case return. The last steps must use no register and no flag: DS may already be useless.
 */
__asm__(
	"	.text\n"
	"run_case:\n"
	"	pushl %ebp\n"
	"	pushl %ebx\n"
	"	pushl %esi\n"
	"	pushl %edi\n"
	"	movl %esp, saved_esp\n"
	"	movw current_case+44, %fs\n"
	"	movw current_case+46, %gs\n"
	"	cmpl $0, current_case+48\n"
	"	je 1f\n"
	"	fxrstor vectors\n"
	"1:\n"
	"	movl $current_case, %esp\n"
	"	popfl\n"
	"	popal\n"
	"	movl entry_esp, %esp\n"
	"	movw current_case+40, %es\n"
	"	movw current_case+42, %ds\n"
	"	jmp *%cs:current_case+36\n"
	"leave_case:\n"
	"	movl saved_esp, %esp\n"
	"	popl %edi\n"
	"	popl %esi\n"
	"	popl %ebx\n"
	"	popl %ebp\n"
	"	ret\n"
	"signal_return:\n"
	"	movl $173, %eax\n"
	"	int $0x80\n"
	"	.globl _start\n"
	"_start:\n"
	"	andl $-16, %esp\n"
	"	call serve\n"
	"	movl %eax, %ebx\n"
	"	movl $1, %eax\n"
	"	int $0x80\n");

static long system_call(long number, long a, long b, long c, long d, long e)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory", "cc");
	return result;
}

/* The compiler calls these two by itself. */
void *memcpy(void *to, const void *from, unsigned long bytes)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	return start;
}

void *memset(void *to, int value, unsigned long bytes)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
	return start;
}

static void fail(int code)
{
	system_call(1, code, 0, 0, 0, 0);
	__builtin_unreachable();
}

/* Returns 0 at the end of the input. */
static int read_all(void *to, uint32_t bytes)
{
	uint8_t *next = to;

	while (bytes) {
		long got = system_call(3, 0, (long)next, bytes, 0, 0);

		if (got == -4)
			continue;
		if (got <= 0)
			return 0;
		next += got;
		bytes -= got;
	}
	return 1;
}

static void flush(void)
{
	uint32_t done = 0;

	while (done < output_used) {
		long put = system_call(4, 1, (long)(output + done), output_used - done, 0, 0);

		if (put == -4)
			continue;
		if (put <= 0)
			fail(3);
		done += put;
	}
	output_used = 0;
}

static void emit(const void *from, uint32_t bytes)
{
	if (output_used + bytes > OUTPUT_BYTES)
		flush();
	memcpy(output + output_used, from, bytes);
	output_used += bytes;
}

static void emit_word(uint32_t value)
{
	emit(&value, sizeof(value));
}

static void on_signal(int signal, void *info, struct user_context *context)
{
	struct signal_context *m = &context->machine;

	(void)signal;
	(void)info;
	if (!running)
		fail(4);
	last.flags = m->flags;
	last.registers[0] = m->edi;
	last.registers[1] = m->esi;
	last.registers[2] = m->ebp;
	last.registers[3] = m->esp;
	last.registers[4] = m->ebx;
	last.registers[5] = m->edx;
	last.registers[6] = m->ecx;
	last.registers[7] = m->eax;
	last.eip = m->eip;
	last.vector = m->trap;
	last.error = m->error;
	last.address = m->cr2;
	last.es = m->es;
	last.cs = m->cs;
	last.ss = m->ss;
	last.ds = m->ds;
	last.fs = m->fs;
	last.gs = m->gs;
	if (current_case.vectors)
		memcpy(vectors, (const uint8_t *)m->fpu_state + VECTORS_IN_FRAME, VECTOR_BYTES);
	running = 0;
	/* No way back through the kernel: the handlers block nothing and the frame on the signal stack is done with. */
	leave_case();
}

/* A generator's mistake must not hang the test: a snippet that sees the clock tick three times is given up. */
static void on_tick(int signal, void *info, struct user_context *context)
{
	if (!running || ++ticks < 3)
		return;
	on_signal(signal, info, context);
}

static void catch_signal(int signal, void (*handler)(int, void *, struct user_context *))
{
	/* SA_SIGINFO, SA_RESTORER, SA_ONSTACK, SA_RESTART, SA_NODEFER */
	struct kernel_action action = { handler, 0x4 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000, signal_return, { 0, 0 } };

	if (system_call(174, signal, (long)&action, 0, 8, 0) != 0)
		fail(5);
}

static void set_up(void)
{
	static uint32_t descriptor[4];
	uint32_t stack[3] = { (uint32_t)signal_stack, 0, SIGNAL_STACK_BYTES };
	uint32_t interval[4] = { 0, 100000, 0, 100000 };
	uint32_t i, count, page[2];

	if (!read_all(&page_count, 4) || page_count > MAX_PAGES)
		fail(6);
	for (i = 0; i < page_count; i++) {
		/* old mmap: address, length, protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, no file */
		uint32_t map[6] = { 0, PAGE_BYTES, 7, 0x32, 0xFFFFFFFF, 0 };

		if (!read_all(page, sizeof(page)) || !read_all(base_image[i], PAGE_BYTES))
			fail(7);
		page_address[i] = (uint8_t *)page[0];
		page_writable[i] = page[1];
		map[0] = page[0];
		if ((uint32_t)system_call(90, (long)map, 0, 0, 0, 0) != page[0])
			continue;
		page_mapped |= 1u << i;
		memcpy(page_address[i], base_image[i], PAGE_BYTES);
		memcpy(before[i], base_image[i], PAGE_BYTES);
		if (!page_writable[i])
			system_call(125, page[0], PAGE_BYTES, 5, 0, 0);
	}
	if (!read_all(&count, 4))
		fail(8);
	for (i = 0; i < count; i++) {
		if (!read_all(descriptor, sizeof(descriptor)))
			fail(9);
		if (system_call(123, 0x11, (long)descriptor, sizeof(descriptor), 0, 0) != 0)
			page_mapped = 0;
	}
	if (system_call(186, (long)stack, 0, 0, 0, 0) != 0)
		fail(10);
	catch_signal(4, on_signal);
	catch_signal(5, on_signal);
	catch_signal(7, on_signal);
	catch_signal(8, on_signal);
	catch_signal(11, on_signal);
	catch_signal(26, on_tick);
	system_call(104, 1, (long)interval, 0, 0, 0);
	emit_word(page_mapped);
	flush();
}

static void restore_pages(void)
{
	uint32_t i;

	for (i = 0; i < page_count; i++) {
		if (!page_touched[i])
			continue;
		memcpy(page_address[i], base_image[i], PAGE_BYTES);
		memcpy(before[i], base_image[i], PAGE_BYTES);
		page_touched[i] = 0;
	}
}

static void apply_patch(uint32_t address, const uint8_t *bytes, uint32_t length)
{
	uint32_t i, k;

	for (k = 0; k < length; k++, address++) {
		for (i = 0; i < page_count; i++) {
			if ((address & -PAGE_BYTES) != (uint32_t)page_address[i] || !page_writable[i] || !(page_mapped >> i & 1))
				continue;
			page_address[i][address & (PAGE_BYTES - 1)] = bytes[k];
			before[i][address & (PAGE_BYTES - 1)] = bytes[k];
			page_touched[i] = 1;
		}
	}
}

/* Walks the differences; with report set they are written, otherwise only counted. */
static uint32_t scan_differences(int report)
{
	uint32_t i, offset, end, count = 0;

	for (i = 0; i < page_count; i++) {
		const uint32_t *now_words = (const uint32_t *)page_address[i];
		const uint32_t *then_words = (const uint32_t *)before[i];

		if (!page_writable[i] || !(page_mapped >> i & 1))
			continue;
		for (offset = 0; offset < PAGE_BYTES; offset++) {
			if ((offset & 3) == 0 && now_words[offset / 4] == then_words[offset / 4]) {
				offset += 3;
				continue;
			}
			if (page_address[i][offset] == before[i][offset])
				continue;
			for (end = offset + 1; end < PAGE_BYTES && page_address[i][end] != before[i][end]; end++)
				;
			count++;
			page_touched[i] = 1;
			if (report) {
				emit_word((uint32_t)page_address[i] + offset);
				emit_word(end - offset);
				emit(page_address[i] + offset, end - offset);
			}
			offset = end - 1;
		}
	}
	return count;
}

int __attribute__((used)) serve(void)
{
	uint32_t header[2];

	set_up();
	while (read_all(header, sizeof(header))) {
		const uint8_t *next = batch;

		if (header[0] > BATCH_BYTES || !read_all(batch, header[0]))
			return 11;
		while (header[1]--) {
			uint32_t patches;

			restore_pages();
			memcpy(&current_case, next, sizeof(current_case));
			next += sizeof(current_case);
			if (current_case.vectors) {
				memcpy(vectors, next, VECTOR_BYTES);
				next += VECTOR_BYTES;
			}
			memcpy(&patches, next, sizeof(patches));
			next += sizeof(patches);
			for (; patches; patches--) {
				uint32_t patch[2];

				memcpy(patch, next, sizeof(patch));
				apply_patch(patch[0], next + sizeof(patch), patch[1]);
				next += sizeof(patch) + patch[1];
			}
			entry_esp = current_case.registers[3];
			memset(&last, 0, sizeof(last));
			last.vector = TIMED_OUT;
			ticks = 0;
			running = 1;
			run_case();
			if (ticks >= 3)
				last.vector = TIMED_OUT;
			emit(&last, sizeof(last));
			if (current_case.vectors)
				emit(vectors, VECTOR_BYTES);
			emit_word(scan_differences(0));
			scan_differences(1);
		}
		flush();
	}
	return 0;
}

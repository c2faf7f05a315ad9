// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs x87 instructions on the processor of this machine. Reads records of 216 bytes from standard input, each an
 * instruction with the state to run it from, and writes a record of 216 bytes for each with the state that it left.
 * X87Record.cs describes both. Needs x86-64 Linux.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { RECORD = 216, REGISTERS = 24, MEMORY = 104, MEMORY_SIZE = 108, STUB = 64 };
enum { DONE, INVALID_OPCODE, MATH_FAULT };

/* General registers that an instruction sees and changes. */
struct general {
	uint64_t flags;
	uint64_t rax;
};

typedef void stub_function(void *in, void *memory, void *out, struct general *general);

static uint8_t *stubs;
static uint8_t made[8 * 256 * 2];
static uint8_t resume_offset[8 * 256 * 2];
static volatile uint64_t resume;
static volatile int outcome;

static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)info;
	outcome = number == SIGILL ? INVALID_OPCODE : MATH_FAULT;
	user->uc_mcontext.gregs[REG_RIP] = (greg_t)resume;
}

static uint8_t *put(uint8_t *at, const char *bytes, size_t count)
{
	memcpy(at, bytes, count);
	return at + count;
}

/* Makes code that loads a state, runs one instruction and saves the state. */
static stub_function *stub_for(int escape, int modrm, int operand16)
{
	int number = (escape * 256 + modrm) * 2 + operand16;
	uint8_t *start = stubs + (size_t)number * STUB;

	if (!made[number]) {
		uint8_t *at = start;

		at = put(at, "\x53", 1);                 /* push rbx */
		at = put(at, "\x48\x89\xCB", 3);         /* mov rbx, rcx */
		at = put(at, "\x48\x8B\x43\x08", 4);     /* mov rax, [rbx + 8] */
		at = put(at, "\x0F\xAE\x0F", 3);         /* fxrstor [rdi] */
		at = put(at, "\xFF\x33\x9D", 3);         /* push qword [rbx]; popfq */
		if (operand16)
			*at++ = 0x66;
		*at++ = (uint8_t)(0xD8 + escape);
		*at++ = modrm >= 0xC0 ? (uint8_t)modrm : (uint8_t)((modrm & 0x38) | 6); /* [rsi] */
		resume_offset[number] = (uint8_t)(at - start);
		at = put(at, "\x0F\xAE\x02", 3);         /* fxsave [rdx] */
		at = put(at, "\xDB\xE3", 2);             /* fninit */
		at = put(at, "\x9C\x8F\x03", 3);         /* pushfq; pop qword [rbx] */
		at = put(at, "\x48\x89\x43\x08", 4);     /* mov [rbx + 8], rax */
		put(at, "\x5B\xC3", 2);                  /* pop rbx; ret */
		made[number] = 1;
	}

	resume = (uint64_t)(start + resume_offset[number]);
	return (stub_function *)start;
}

int main(void)
{
	static uint8_t in[512] __attribute__((aligned(16)));
	static uint8_t out[512] __attribute__((aligned(16)));
	static uint8_t memory[128];
	static uint8_t record[RECORD];
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	stubs = mmap(NULL, 8 * 256 * 2 * STUB, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stubs == MAP_FAILED || sigaction(SIGILL, &action, NULL) != 0 || sigaction(SIGFPE, &action, NULL) != 0) {
		perror("x87host");
		return 1;
	}

	__asm__ volatile("fxsave %0" : "=m"(in));
	while (fread(record, RECORD, 1, stdin) == 1) {
		struct general general = { 0 };
		uint32_t flags;
		uint16_t status;
		int top;

		/* FXSAVE keeps the registers from ST(0) on, records keep them in physical order. */
		memcpy(in, record + 4, 4);
		in[4] = record[3];
		memcpy(in + 6, record + 14, 2);
		memcpy(in + 8, record + 16, 4);
		memset(in + 12, 0, 4);
		memcpy(in + 16, record + 20, 4);
		memset(in + 20, 0, 4);
		memcpy(&status, record + 6, 2);
		top = (status >> 11) & 7;
		for (int i = 0; i < 8; i++)
			memcpy(in + 32 + 16 * i, record + REGISTERS + 10 * ((top + i) & 7), 10);
		memcpy(memory, record + MEMORY, MEMORY_SIZE);
		memcpy(&flags, record + 8, 4);
		memcpy(&general.rax, record + 12, 2);
		general.flags = (flags & 0x8D5) | 0x202;

		outcome = DONE;
		stub_for(record[0] & 7, record[1], record[2] & 1)(in, memory, out, &general);

		memset(record, 0, RECORD);
		memcpy(record, out, 4);
		record[4] = out[4];
		record[5] = (uint8_t)outcome;
		memcpy(record + 6, &general.rax, 2);
		flags = (uint32_t)general.flags & 0x8D5;
		memcpy(record + 8, &flags, 4);
		memcpy(record + 12, out + 6, 2);
		memcpy(record + 16, out + 8, 4);
		memcpy(record + 20, out + 16, 4);
		memcpy(&status, record + 2, 2);
		top = (status >> 11) & 7;
		for (int i = 0; i < 8; i++)
			memcpy(record + REGISTERS + 10 * ((top + i) & 7), out + 32 + 16 * i, 10);
		memcpy(record + MEMORY, memory, MEMORY_SIZE);
		if (fwrite(record, RECORD, 1, stdout) != 1)
			return 1;
	}

	return 0;
}

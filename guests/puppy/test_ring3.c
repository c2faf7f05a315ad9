/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ring3.h"
#include "selftest.h"

extern char user_sum[], user_segments[], user_flags[], user_hlt[], user_cli[], user_in[], user_hypercall[], user_int_clock[],
	user_int3[], user_divide[], user_peek[], user_poke[], user_jump[], user_spin[], user_calls[], user_fpu[];

static u32 kernel_word = 0x600d;

static const char *exits(struct user_result r, u32 code)
{
	CHECK(r.exited, "ended by exception %u error %x at %x", last_trap.vector, last_trap.error, last_trap.eip);
	CHECK(r.code == code, "result %x, not %x", r.code, code);
	return NULL;
}

static const char *faults(const char *what, struct user_result r, u32 vector, u32 error)
{
	CHECK(!r.exited, "%s: no exception", what);
	CHECK(last_trap.vector == vector && last_trap.error == error, "%s: exception %u error %x, not %u error %x", what,
	      last_trap.vector, last_trap.error, vector, error);
	CHECK(last_trap.cs == USER_CS, "%s: CS %x in the frame", what, last_trap.cs);
	return NULL;
}

static const char *system_call(void)
{
	struct user_space s = user_space_new();
	struct user_result r = user_run(&s, user_sum, 100, 20, 3);

	TRY(exits(r, 149));
	CHECK(r.cs == USER_CS && r.ss == USER_DS, "CS %x SS %x in the frame", r.cs, r.ss);
	TRY(exits(user_run(&s, user_segments, 0, 0, 0), USER_CS << 16 | USER_DS));
	r = user_run(&s, user_calls, 1000, 0, 0);
	TRY(exits(r, 500500));
	CHECK(r.count == 1000, "%u calls arrived", r.count);
	CHECK(lguest_data.irq_enabled & IF_BIT, "interrupts off afterwards");
	return NULL;
}

static const char *privileged(void)
{
	struct user_space s = user_space_new();

	TRY(faults("hlt", user_run(&s, user_hlt, 0, 0, 0), TRAP_PROTECTION, 0));
	TRY(faults("cli", user_run(&s, user_cli, 0, 0, 0), TRAP_PROTECTION, 0));
	TRY(faults("in", user_run(&s, user_in, 0, 0, 0), TRAP_PROTECTION, 0));
	TRY(faults("int 0x1f", user_run(&s, user_hypercall, 0, 0, 0), TRAP_PROTECTION, HCALL_VECTOR * 8 + 2));
	TRY(faults("int 0x20", user_run(&s, user_int_clock, 0, 0, 0), TRAP_PROTECTION, IRQ_VECTOR_BASE * 8 + 2));
	return NULL;
}

static const char *exceptions(void)
{
	struct user_space s = user_space_new();

	TRY(faults("int3", user_run(&s, user_int3, 0, 0, 0), TRAP_BREAKPOINT, 0));
	TRY(faults("division", user_run(&s, user_divide, 0, 0, 0), TRAP_DIVIDE, 0));
	TRY(faults("nothing mapped", user_run(&s, user_peek, USER_VA + 0x10000, 0, 0), TRAP_PAGE_FAULT, PF_USER));
	CHECK(last_trap.cr2 == USER_VA + 0x10000, "cr2 %x", last_trap.cr2);
	return NULL;
}

static const char *kernel_protected(void)
{
	struct user_space s = user_space_new();
	u32 at = GPA(&kernel_word);

	/* So that a Host with shadow tables has the page present, as the table says it is. */
	kernel_word = 0x600d;
	TRY(faults("read", user_run(&s, user_peek, at, 0, 0), TRAP_PAGE_FAULT, PF_USER | PF_PRESENT));
	CHECK(last_trap.cr2 == at, "cr2 %x", last_trap.cr2);
	TRY(faults("write", user_run(&s, user_poke, at, 0xbad, 0), TRAP_PAGE_FAULT, PF_USER | PF_WRITE | PF_PRESENT));
	CHECK(kernel_word == 0x600d, "kernel memory was written");
	TRY(faults("execute", user_run(&s, user_jump, GPA(fail), 0, 0), TRAP_PAGE_FAULT, PF_USER | PF_PRESENT));
	TRY(faults("write to its code", user_run(&s, user_poke, USER_CODE, 0, 0), TRAP_PAGE_FAULT, PF_USER | PF_WRITE | PF_PRESENT));
	TRY(exits(user_run(&s, user_poke, USER_DATA, 0xfee1, 0), 0xfee1));
	CHECK(*s.data == 0xfee1, "its own page does not hold what it stored");
	return NULL;
}

static const char *own_flags(void)
{
	struct user_space s = user_space_new();
	struct user_result r = user_run(&s, user_flags, 0, 0, 0);

	CHECK(r.exited && (r.code & IF_BIT), "POPF cleared IF: %x", r.code);
	return NULL;
}

static const char *interrupted(void)
{
	struct user_space s = user_space_new();
	u32 before = irq_count[IRQ_CLOCK], khz = tsc_khz() ? tsc_khz() : 1000000;

	clock_event(2 * MS);
	TRY(exits(user_run(&s, user_spin, khz / 1000 * 30000, 100000, 0), khz / 1000 * 30000));
	CHECK(irq_count[IRQ_CLOCK] == before + 1, "%u interrupts", irq_count[IRQ_CLOCK] - before);
	CHECK(irq_from_cs[IRQ_CLOCK] == USER_CS, "it came into CS %x", irq_from_cs[IRQ_CLOCK]);
	return NULL;
}

static const char *two_spaces(void)
{
	struct user_space a = user_space_new(), b = user_space_new();

	*a.data = 0xaaaa;
	*b.data = 0xbbbb;
	for (u32 i = 0; i < 10; i++) {
		TRY(exits(user_run(&a, user_peek, USER_DATA, 0, 0), 0xaaaa));
		TRY(exits(user_run(&b, user_peek, USER_DATA, 0, 0), 0xbbbb));
	}
	TRY(exits(user_run(&a, user_poke, USER_DATA + 4, 0xa4, 0), 0xa4));
	CHECK(b.data[1] == 0, "a store went to the other space");
	return NULL;
}

static bool give_fpu(struct trap_frame *frame)
{
	if (frame->vector != TRAP_NO_FPU)
		return false;
	hcall_async(HCALL_TS, 0, 0, 0, 0);
	hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	return true;
}

static const char *user_float(void)
{
	struct user_space s = user_space_new();

	TRY(exits(user_run(&s, user_fpu, 4195835, 3145727, 0), 4195835));
	hcall(HCALL_TS, 1, 0, 0, 0);
	TRY(faults("with TS", user_run(&s, user_fpu, 1, 1, 0), TRAP_NO_FPU, 0));
	trap_hook = give_fpu;
	TRY(exits(user_run(&s, user_fpu, 77, 11, 0), 77));
	return NULL;
}

const struct test ring3_tests[] = {
	{ "ring 3 system call", system_call },
	{ "ring 3 privileged", privileged },
	{ "ring 3 exceptions", exceptions },
	{ "ring 3 kernel memory", kernel_protected },
	{ "ring 3 flags", own_flags },
	{ "ring 3 interrupted", interrupted },
	{ "ring 3 two address spaces", two_spaces },
	{ "ring 3 fpu", user_float },
	{ NULL, NULL },
};

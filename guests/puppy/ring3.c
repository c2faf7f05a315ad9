/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hypercall.h"
#include "lib.h"
#include "ring3.h"

extern char user_text[], user_text_end[], trap_stack_top[];

/* The layout entry.S relies on. */
struct user_regs {
	u32 eip, esp, eax, ebx, ecx, edx;
};
void user_enter(const struct user_regs *regs);
NORETURN void user_leave(void);

static struct user_result result;

void ring3_init(void)
{
	/* Flat 4 GiB code and data, DPL 3. */
	load_gdt_entry(GDT_USER_CS, 0x0000ffff, 0x00cffa00);
	load_gdt_entry(GDT_USER_DS, 0x0000ffff, 0x00cff200);
	hcall(HCALL_SET_STACK, KERNEL_DS, GPA(trap_stack_top), 2, 0);
}

struct user_space user_space_new(void)
{
	struct user_space space = { pgd_new(), NULL };
	u8 *code = page_alloc(1);

	memcpy(code, user_text, user_text_end - user_text);
	/* The table the kernel may have here is not ours to share. */
	space.pgd[USER_VA >> 22] = 0;
	space.data = page_alloc(1);
	map_page(space.pgd, USER_CODE, GPA(code) | PTE_P | PTE_USER);
	map_page(space.pgd, USER_STACK, GPA(page_alloc(1)) | PTE_P | PTE_RW | PTE_USER);
	map_page(space.pgd, USER_DATA, GPA(space.data) | PTE_P | PTE_RW | PTE_USER);
	return space;
}

struct user_result user_run(const struct user_space *space, const char *program, u32 ebx, u32 ecx, u32 edx)
{
	struct user_regs regs = { USER_CODE + (u32)(program - user_text), USER_STACK + PAGE_SIZE, 0, ebx, ecx, edx };

	memset(&result, 0, sizeof(result));
	pgd_switch(space->pgd);
	user_enter(&regs);
	pgd_switch(kernel_pgd);
	return result;
}

void user_syscall(struct trap_frame *f)
{
	switch (f->eax) {
	case SYS_EXIT:
		result.exited = true;
		result.code = f->ebx;
		result.cs = f->cs;
		result.ss = f->ss;
		user_leave();
	case SYS_SUM:
		f->eax = f->ebx + 2 * f->ecx + 3 * f->edx;
		break;
	case SYS_COUNT:
		result.count++;
		break;
	default:
		f->eax = ~0u;
	}
}

NORETURN void user_fault(void)
{
	/* The fault's interrupt gate turned interrupts off; ring 3 had them on. */
	lguest_data.irq_enabled = IF_BIT;
	user_leave();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables of our own: permissions, faults, accessed and dirty bits, and what the Host may cache. */
#include "selftest.h"

#define RW (PTE_P | PTE_RW)

static void op_read(void *at) { (void)*(volatile u32 *)at; }
static void op_write(void *at) { *(volatile u32 *)at = 0x11223344; }
static void op_call(void *at) { ((void (*)(void))at)(); }

static volatile u32 *const window = (volatile u32 *)TEST_VA;

static u32 new_page(u32 content)
{
	u32 *page = page_alloc(1);

	*page = content;
	return GPA(page);
}

static const char *page_fault(const char *what, void (*op)(void *), u32 at, u32 error)
{
	TRY(expect_trap(what, op, (void *)at, TRAP_PAGE_FAULT, error));
	CHECK(last_trap.cr2 == at, "%s: cr2 %x, not %x", what, last_trap.cr2, at);
	return NULL;
}

static const char *not_present(void)
{
	map_page(kernel_pgd, TEST_VA, 0);
	TRY(page_fault("read", op_read, TEST_VA + 8, 0));
	TRY(page_fault("write", op_write, TEST_VA + 0xffc, PF_WRITE));
	TRY(page_fault("execute", op_call, TEST_VA, 0));
	CHECK(last_trap.eip == TEST_VA, "EIP %x in the frame of the execution", last_trap.eip);
	TRY(page_fault("no page table, read", op_read, 0xbf000000, 0));
	TRY(page_fault("NULL", op_write, 0, PF_WRITE));
	return NULL;
}

static const char *read_only(void)
{
	u32 page = new_page(0xabcd);

	map_page(kernel_pgd, TEST_VA, page | PTE_P);
	CHECK(*window == 0xabcd, "reads %x", *window);
	TRY(page_fault("write", op_write, TEST_VA, PF_PRESENT | PF_WRITE));
	CHECK(*(volatile u32 *)page == 0xabcd, "the page was written all the same");
	TRY(page_fault("write to our own text", op_write, GPA(op_write), PF_PRESENT | PF_WRITE));
	/* More rights need no hypercall. */
	*(volatile u32 *)pte_of(kernel_pgd, TEST_VA, false) = page | RW;
	CHECK(!trap_try(op_write, (void *)TEST_VA), "still read-only after the entry became writable");
	return NULL;
}

static const char *accessed_dirty(void)
{
	u32 page = new_page(1);
	volatile u32 *pte = pte_of(kernel_pgd, TEST_VA, true);

	map_page(kernel_pgd, TEST_VA, page | RW);
	CHECK(!(*pte & (PTE_A | PTE_D)), "set before any access: %x", *pte & 0xfff);
	op_read((void *)TEST_VA);
	CHECK((*pte & (PTE_A | PTE_D)) == PTE_A, "after a read: %x", *pte & 0xfff);
	op_write((void *)TEST_VA);
	CHECK((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "after a write: %x", *pte & 0xfff);
	/* Cleared by us: the next access must set them again. */
	map_page(kernel_pgd, TEST_VA, page | RW);
	op_write((void *)TEST_VA);
	CHECK((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "cleared and written again: %x", *pte & 0xfff);
	map_page(kernel_pgd, TEST_VA, page | RW);
	op_read((void *)TEST_VA);
	CHECK((*pte & (PTE_A | PTE_D)) == PTE_A, "cleared and read: %x", *pte & 0xfff);
	CHECK((*pte & ~0xfffu) == page, "the page number changed");
	return NULL;
}

static const char *remap(void)
{
	u32 one = new_page(1), two = new_page(2);
	volatile u32 *pte = pte_of(kernel_pgd, TEST_VA, true);

	map_page(kernel_pgd, TEST_VA, one | RW);
	CHECK(*window == 1, "first page reads %u", *window);
	map_page(kernel_pgd, TEST_VA, two | RW);
	CHECK(*window == 2, "SET_PTE: reads %u", *window);
	/* A zero value only invalidates; the table is what counts. */
	*pte = one | RW;
	hcall(HCALL_SET_PTE, GPA(kernel_pgd), TEST_VA, 0, 0);
	CHECK(*window == 1, "SET_PTE with value 0: reads %u", *window);
	*pte = two | RW;
	flush_tlb(false);
	CHECK(*window == 2, "FLUSH_TLB(0): reads %u", *window);
	*pte = one | RW;
	flush_tlb(true);
	CHECK(*window == 1, "FLUSH_TLB(1): reads %u", *window);
	*pte = two | RW;
	hcall_async(HCALL_SET_PTE, GPA(kernel_pgd), TEST_VA, two | RW, 0);
	hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK(*window == 2, "SET_PTE in the ring: reads %u", *window);
	map_page(kernel_pgd, TEST_VA, 0);
	TRY(page_fault("unmapped", op_read, TEST_VA, 0));
	/* Not present to present needs no hypercall. */
	*pte = one | RW;
	CHECK(!trap_try(op_read, (void *)TEST_VA) && *window == 1, "a new entry is not seen without a hypercall");
	return NULL;
}

static const char *directory(void)
{
	u32 *pgd = kernel_pgd, pde = pgd[TEST_VA >> 22];

	map_page(pgd, TEST_VA, new_page(7) | RW);
	CHECK(*window == 7, "reads %u", *window);
	pgd[TEST_VA >> 22] = 0;
	hcall(HCALL_SET_PGD, GPA(pgd), TEST_VA >> 22, 0, 0);
	TRY(page_fault("entry removed", op_read, TEST_VA, 0));
	pgd[TEST_VA >> 22] = pde;
	hcall(HCALL_SET_PGD, GPA(pgd), TEST_VA >> 22, 0, 0);
	CHECK(!trap_try(op_read, (void *)TEST_VA) && *window == 7, "entry put back: not seen");
	return NULL;
}

static volatile u32 demand_faults;

static bool demand(struct trap_frame *frame)
{
	u32 at = lguest_data.cr2;

	if (frame->vector != TRAP_PAGE_FAULT || at - TEST_VA >= 16 * PAGE_SIZE)
		return false;
	demand_faults++;
	*(volatile u32 *)pte_of(kernel_pgd, at, true) = GPA(page_alloc(1)) | RW;
	return true;
}

static void unmap_window(void)
{
	for (u32 i = 0; i < 16; i++)
		map_page(kernel_pgd, TEST_VA + i * PAGE_SIZE, 0);
}

static const char *demand_mapping(void)
{
	u32 sum = 0;

	unmap_window();
	demand_faults = 0;
	trap_hook = demand;
	for (u32 i = 0; i < 16; i++)
		window[i * 1024 + i] = i + 1;
	for (u32 i = 0; i < 16; i++)
		sum += window[i * 1024 + i];
	CHECK(demand_faults == 16, "%u faults for 16 pages", demand_faults);
	CHECK(sum == 136, "sum %u", sum);
	/* A string instruction is stopped in the middle and continues where it was. */
	unmap_window();
	demand_faults = 0;
	memset((void *)(TEST_VA + 100), 0x5a, 3 * PAGE_SIZE);
	CHECK(demand_faults == 4, "%u faults in rep stos over four pages", demand_faults);
	memcpy((void *)(TEST_VA + 8 * PAGE_SIZE + 6), (void *)(TEST_VA + 100), 3 * PAGE_SIZE);
	CHECK(demand_faults == 8, "%u faults after rep movs to four more", demand_faults);
	CHECK(!memcmp((void *)(TEST_VA + 8 * PAGE_SIZE + 6), (void *)(TEST_VA + 100), 3 * PAGE_SIZE), "wrong data");
	/* Push with the stack pointer on an unmapped page would need another stack; a read-modify-write does not. */
	map_page(kernel_pgd, TEST_VA, 0);
	__asm__ volatile("addl $5, %0; addl $6, %0" : "+m"(*window) :: "cc");
	CHECK(*window == 11, "read-modify-write gave %u", *window);
	unmap_window();
	return NULL;
}

static const char *page_crossing(void)
{
	/* Neighbours in the window, in the wrong order in memory. */
	u32 second = new_page(0), first = new_page(0);
	volatile u32 *across = (volatile u32 *)(TEST_VA + PAGE_SIZE - 2);
	volatile u16 *across16 = (volatile u16 *)(TEST_VA + PAGE_SIZE - 1);

	map_page(kernel_pgd, TEST_VA, first | RW);
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, second | RW);
	*across = 0xddccbbaa;
	CHECK(*(volatile u16 *)(first + PAGE_SIZE - 2) == 0xbbaa && *(volatile u16 *)second == 0xddcc, "word went elsewhere");
	CHECK(*across == 0xddccbbaa, "reads %x", *across);
	__asm__ volatile("addl $0x01010101, %0" : "+m"(*across) :: "cc");
	CHECK(*across == 0xdecdbcab, "after an addition %x", *across);
	CHECK(*across16 == 0xcdbc, "halfword reads %x", *across16);
	/* The second page missing or read-only: the fault is there, and nothing is written on the first. */
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, 0);
	TRY(expect_trap("read across", op_read, (void *)across, TRAP_PAGE_FAULT, 0));
	CHECK(last_trap.cr2 == TEST_VA + PAGE_SIZE, "read across: cr2 %x", last_trap.cr2);
	TRY(expect_trap("write across", op_write, (void *)across, TRAP_PAGE_FAULT, PF_WRITE));
	CHECK(last_trap.cr2 == TEST_VA + PAGE_SIZE, "write across: cr2 %x", last_trap.cr2);
	CHECK(*(volatile u16 *)(first + PAGE_SIZE - 2) == 0xbcab, "half of a faulting write was done");
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, second | PTE_P);
	op_read((void *)across);
	TRY(expect_trap("write across, read-only", op_write, (void *)across, TRAP_PAGE_FAULT, PF_PRESENT | PF_WRITE));
	CHECK(*(volatile u16 *)(first + PAGE_SIZE - 2) == 0xbcab, "half of a refused write was done");
	unmap_window();
	return NULL;
}

/* Code lying across two pages that are no neighbours in memory; then the second half is replaced. */
static const char *code_crossing(void)
{
	u32 one = new_page(0), two = new_page(0), three = new_page(0);
	u32 (*code)(void) = (u32 (*)(void))(TEST_VA + PAGE_SIZE - 3);

	memcpy((void *)(one + PAGE_SIZE - 3), (u8[]){ 0xb8, 0x44, 0x33 }, 3);
	memcpy((void *)two, (u8[]){ 0x22, 0x11, 0xc3 }, 3);
	memcpy((void *)three, (u8[]){ 0x66, 0x55, 0xc3 }, 3);
	map_page(kernel_pgd, TEST_VA, one | PTE_P);
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, two | PTE_P);
	CHECK(code() == 0x11223344, "gave %x", code());
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, three | PTE_P);
	CHECK(code() == 0x55663344, "second page replaced: gave %x", code());
	map_page(kernel_pgd, TEST_VA + PAGE_SIZE, 0);
	TRY(expect_trap("second page gone", op_call, (void *)code, TRAP_PAGE_FAULT, 0));
	CHECK(last_trap.cr2 == TEST_VA + PAGE_SIZE && last_trap.eip == GPA(code), "second page gone: cr2 %x eip %x", last_trap.cr2,
	      last_trap.eip);
	unmap_window();
	return NULL;
}

static const char *address_spaces(void)
{
	u32 *spaces[2];
	u32 codes[2];

	for (u32 s = 0; s < 2; s++) {
		spaces[s] = pgd_new();
		spaces[s][TEST_VA >> 22] = 0;
		map_page(spaces[s], TEST_VA, new_page(100 + s) | RW);
		codes[s] = new_page(0);
		memcpy((void *)codes[s], (u8[]){ 0xb8, (u8)(40 + s), 0, 0, 0, 0xc3 }, 6);
		map_page(spaces[s], TEST_VA + PAGE_SIZE, codes[s] | PTE_P);
	}
	for (u32 round = 0; round < 20; round++)
		for (u32 s = 0; s < 2; s++) {
			u32 data, ran;

			if (round & 1) {
				hcall_async(HCALL_NEW_PGTABLE, GPA(spaces[s]), 0, 0, 0);
				hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			} else {
				pgd_switch(spaces[s]);
			}
			data = *window;
			ran = ((u32 (*)(void))(TEST_VA + PAGE_SIZE))();
			*window = data + 1000;
			CHECK(data % 1000 == 100 + s && data / 1000 == round, "round %u, space %u: reads %u", round, s, data);
			CHECK(ran == 40 + s, "round %u, space %u: the other space's code ran", round, s);
		}
	pgd_switch(kernel_pgd);
	return NULL;
}

const struct test paging_tests[] = {
	{ "page not present", not_present },
	{ "page read-only", read_only },
	{ "accessed and dirty bits", accessed_dirty },
	{ "remapping", remap },
	{ "page directory", directory },
	{ "demand mapping", demand_mapping },
	{ "access across pages", page_crossing },
	{ "code across pages", code_crossing },
	{ "address spaces", address_spaces },
	{ NULL, NULL },
};

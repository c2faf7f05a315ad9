/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status, the device page and notifications against their rules, and buffers where nobody puts them. */
#include "block.h"
#include "hypercall.h"
#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "rng.h"
#include "villain.h"

#define NOWHERE 0xfffff000u
#define ACK_DRIVER (STATUS_ACKNOWLEDGE | STATUS_DRIVER)

static void set_status(struct vdev *d, u8 status)
{
	d->desc->status = status;
	notify(GPA(d->desc));
}

static void fill(volatile void *at, u8 with, u32 count)
{
	for (u32 i = 0; i < count; i++)
		((volatile u8 *)at)[i] = with;
}

static bool started_by(struct vdev *d, u8 status)
{
	vdev_reset(d);
	vdev_go(d, status);
	return villain_asks(d);
}

static bool driver_ok_first(struct vdev *d) { return started_by(d, STATUS_DRIVER_OK); }
static bool driver_first(struct vdev *d) { return started_by(d, STATUS_DRIVER); }
static bool reserved_bits(struct vdev *d) { return started_by(d, 0x7b); }

static bool features_never_offered(struct vdev *d)
{
	vdev_reset(d);
	fill(d->accepted_map, 0xff, d->feature_len);
	vdev_go(d, ACK_DRIVER);
	return villain_asks(d);
}

static bool features_rewritten(struct vdev *d)
{
	fill(d->accepted_map, 0xff, d->feature_len);
	return villain_asks(d);
}

/* What the Host has written is saved, since the guest's other drivers go by it. */
static bool scribbled(struct vdev *d, volatile void *at, u32 count, u8 with, bool before_start)
{
	static u8 saved[512];
	bool good;

	count = min_u32(count, sizeof(saved));
	memcpy(saved, (void *)at, count);
	if (before_start)
		vdev_reset(d);
	fill(at, with, count);
	if (before_start)
		vdev_go(d, ACK_DRIVER);
	good = villain_asks(d);
	memcpy((void *)at, saved, count);
	return good;
}

static bool offered_rewritten(struct vdev *d) { return scribbled(d, (volatile void *)d->features, d->feature_len, 0xff, true); }
static bool header_rewritten(struct vdev *d) { return scribbled(d, d->desc, 4, 0xff, true); }
static bool header_made_zero(struct vdev *d) { return scribbled(d, d->desc, 4, 0, false); }
static bool queues_rewritten(struct vdev *d) { return scribbled(d, d->desc + 1, 8 * d->num_vq, 0xff, true); }
static bool queues_made_zero(struct vdev *d) { return scribbled(d, d->desc + 1, 8 * d->num_vq, 0, false); }
static bool config_rewritten(struct vdev *d) { return scribbled(d, (volatile void *)d->config, d->config_len, 0xff, true); }
static bool config_made_zero(struct vdev *d) { return scribbled(d, (volatile void *)d->config, d->config_len, 0, false); }

static bool failed_first(struct vdev *d)
{
	vdev_reset(d);
	set_status(d, STATUS_FAILED);
	return true;
}

static bool kicks(struct vdev *d, u32 count)
{
	for (u32 i = 0; i < count; i++)
		notify(villain_queue(d)->gpa);
	return true;
}

static bool failed(struct vdev *d)
{
	set_status(d, d->desc->status | STATUS_FAILED);
	return kicks(d, 10);
}

static bool every_bit(struct vdev *d)
{
	set_status(d, 0xff);
	return kicks(d, 10);
}

static bool status_not_notified(struct vdev *d)
{
	for (u32 status = 0; status < 256; status++)
		d->desc->status = (u8)status;
	return villain_asks(d);
}

/* As the guests before Linux 3.1 do it, with a kick in between. */
static bool kick_before_driver_ok(struct vdev *d)
{
	vdev_reset(d);
	set_status(d, STATUS_ACKNOWLEDGE);
	kicks(d, 1);
	set_status(d, ACK_DRIVER);
	vdev_go(d, ACK_DRIVER | STATUS_DRIVER_OK);
	return villain_asks(d);
}

static bool resets(struct vdev *d)
{
	for (u32 i = 0; i < 200; i++)
		vdev_reset(d);
	return true;
}

static bool kicks_after_reset(struct vdev *d)
{
	vdev_reset(d);
	return kicks(d, 1000);
}

static bool kicks_of_an_empty_ring(struct vdev *d)
{
	return kicks(d, 1000) && villain_asks(d);
}

/* Neither a descriptor's address nor a ring's: the Host takes it for text, and there is none. */
static bool notifications_of_no_queue(struct vdev *d)
{
	static const u8 nothing[4];

	for (u32 i = 0; i < 4; i++)
		notify(GPA(&nothing[i]));
	notify(GPA(&villain_queue(d)->desc[200]) + 1);
	notify(villain_limit() - 1);
	return villain_asks(d);
}

/* A reset at any moment of a request: what comes of the request does not matter, as long as the next one works. */
static bool resets_in_flight(struct vdev *d)
{
	struct vbuf piece = { villain_buffer, 16 };

	for (u32 i = 0; i < 100; i++) {
		if (!villain_serves(d))
			return false;
		if (d->type == VIRTIO_BLOCK)
			blk_submit(d, 0, BLK_IN, 0, villain_buffer, SECTOR, SECTOR, false);
		else
			vq_add(&d->vq[0], &piece, 0, 1);
		notify(d->vq[0].gpa);
		for (u32 spin = 0; spin < i * 50; spin++)
			barrier();
		vdev_reset(d);
	}
	return true;
}

/* The device writes there, if it writes at all; what was there is put back. */
static bool into(struct vdev *d, void *at)
{
	static u8 saved[SECTOR];
	bool good;

	memcpy(saved, at, SECTOR);
	if (d->type == VIRTIO_BLOCK)
		good = blk_request(d, BLK_IN, 0, at, SECTOR) == BLK_S_OK;
	else if (d->type == VIRTIO_RNG)
		good = rng_read(d, at, SECTOR, 1) == SECTOR;
	else
		good = villain_asks(d);
	memcpy(at, saved, SECTOR);
	return good;
}

static bool into_the_device_page(struct vdev *d) { return into(d, vdevs[0].desc); }
static bool into_the_descriptors(struct vdev *d) { return into(d, &villain_queue(d)->desc[100]); }
static bool into_the_end_of_memory(struct vdev *d) { return into(d, (void *)(villain_limit() - SECTOR)); }

/* The used ring for a page table: what the device writes there maps pages, or does not. */
static void look_around(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < 1024; i++)
		(void)*(volatile u8 *)(TEST_VA + i * PAGE_SIZE);
}

static bool used_ring_as_page_table(struct vdev *d)
{
	u32 *pde = &kernel_pgd[TEST_VA >> 22], saved = *pde;
	bool good = true;

	*pde = GPA(villain_queue(d)->used) | PDE_FLAGS;
	hcall(HCALL_SET_PGD, GPA(kernel_pgd), TEST_VA >> 22, 0, 0);
	for (u32 i = 0; i < 20; i++) {
		good = good && villain_asks(d);
		flush_tlb(true);
		/* Most are not present. */
		trap_try(look_around, NULL);
	}
	*pde = saved;
	hcall(HCALL_SET_PGD, GPA(kernel_pgd), TEST_VA >> 22, 0, 0);
	flush_tlb(true);
	return good;
}

/* Code between the descriptors that are in use: mov eax, imm32; ret. */
static bool code_in_the_ring(struct vdev *d)
{
	u8 *code = (u8 *)&villain_queue(d)->desc[150];
	bool good = true;

	code[0] = 0xb8;
	code[5] = 0xc3;
	for (u32 i = 0; i < 20; i++) {
		memcpy(code + 1, &i, 4);
		good = good && villain_asks(d) && ((u32 (*)(void))code)() == i;
	}
	return good;
}

/*
 * Code where the device is about to write: first nop, then what id and length happen to mean, which all adds to what eax and edx
 * point to. The CPU must see it, as it sees any write of a device.
 */
static bool used_ring_as_code(struct vdev *d)
{
	static u32 scratch[2] __attribute__((aligned(256)));
	struct virtqueue *vq = villain_queue(d);
	u8 *at = (u8 *)scratch + 1;	/* so that al is not zero */
	bool good = true;

	for (u32 i = 0; i < 20; i++) {
		volatile struct vring_used_elem *next = &vq->used->ring[vq->used->idx % vq->num];
		u32 a = GPA(at), b = GPA(at);

		next[0].id = next[0].len = 0x90909090;
		next[1].id = 0xc3;
		memset(scratch, 0, sizeof(scratch));
		__asm__ volatile("call *%2" : "+a"(a), "+d"(b) : "r"(next) : "memory", "cc");
		good = good && !at[0] && villain_asks(d);
		__asm__ volatile("call *%2" : "+a"(a), "+d"(b) : "r"(next) : "memory", "cc");
		good = good && at[0];
	}
	return good;
}

static const struct deed {
	const char *name;
	bool (*commit)(struct vdev *d);
} deeds[] = {
	{ "DRIVER_OK before ACKNOWLEDGE", driver_ok_first },
	{ "DRIVER before ACKNOWLEDGE", driver_first },
	{ "reserved status bits", reserved_bits },
	{ "features that were never offered", features_never_offered },
	{ "features rewritten after the start", features_rewritten },
	{ "offered features rewritten", offered_rewritten },
	{ "FAILED before the start", failed_first },
	{ "FAILED while the device runs", failed },
	{ "every bit of the status", every_bit },
	{ "status written and not notified", status_not_notified },
	{ "a kick between ACKNOWLEDGE and DRIVER_OK", kick_before_driver_ok },
	{ "resets one after the other", resets },
	{ "resets in the middle of requests", resets_in_flight },
	{ "kicks of a device that was reset", kicks_after_reset },
	{ "kicks of an empty ring", kicks_of_an_empty_ring },
	{ "notifications of no queue", notifications_of_no_queue },
	{ "descriptor written over", header_rewritten },
	{ "descriptor made zero while the device runs", header_made_zero },
	{ "queues of the descriptor written over", queues_rewritten },
	{ "queues of the descriptor made zero while the device runs", queues_made_zero },
	{ "configuration written over", config_rewritten },
	{ "configuration made zero while the device runs", config_made_zero },
	{ "the device page as a buffer", into_the_device_page },
	{ "the descriptor table as a buffer", into_the_descriptors },
	{ "the end of memory as a buffer", into_the_end_of_memory },
	{ "the used ring as a page table", used_ring_as_page_table },
	{ "the descriptor table as code", code_in_the_ring },
	{ "the used ring as code", used_ring_as_code },
};

bool villain_bus(struct vdev *d)
{
	bool good = true;

	for (u32 i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		bool served = villain_serves(d) && deeds[i].commit(d) && villain_serves(d);

		good = villain_tell(d, deeds[i].name, SERVED, served) && good;
	}
	return good;
}

/* Random entries: the first that leads outside memory is our death. */
static void random_page_table(struct vdev *d)
{
	u32 *table = page_alloc(1);

	kernel_pgd[TEST_VA >> 22] = GPA(table) | PDE_FLAGS;
	hcall(HCALL_SET_PGD, GPA(kernel_pgd), TEST_VA >> 22, 0, 0);
	for (u32 round = 0; round < 100; round++) {
		rng_read(d, table, PAGE_SIZE, 1);
		flush_tlb(true);
		for (u32 i = 0; i < 1024; i++)
			if (table[i] & PTE_P)
				(void)*(volatile u8 *)(TEST_VA + i * PAGE_SIZE);
	}
}

void villain_end(const char *how)
{
	struct vdev *d = vdev_find(VIRTIO_RNG, 0);

	if (!strcmp(how, "nowhere"))
		notify(NOWHERE);
	if (!strcmp(how, "limit"))
		notify(villain_limit());
	/* Of the consoles only the first is ever started. */
	if (!strcmp(how, "early") && vdev_find(VIRTIO_CONSOLE, 1))
		notify(vdev_find(VIRTIO_CONSOLE, 1)->vq[0].gpa);
	if (!d)
		return;
	if (!strcmp(how, "twice"))
		notify(GPA(d->desc));
	if (!strcmp(how, "acknowledge"))
		set_status(d, STATUS_ACKNOWLEDGE);
	if (!strcmp(how, "needs-reset"))
		set_status(d, ACK_DRIVER | STATUS_DRIVER_OK | 0x40);
	if (!strcmp(how, "page-table"))
		random_page_table(d);
	if (!strcmp(how, "refused")) {
		villain_make_available(&d->vq[0], 0xffff);
		villain_refused(&d->vq[0]);
		set_status(d, ACK_DRIVER | STATUS_DRIVER_OK);
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbered writes whose every byte follows from their number, so that a look at the disk tells which of them are on it. */
#include "block.h"
#include "command.h"
#include "irq.h"
#include "lib.h"
#include "paging.h"

#define MOST_SECTORS 8u
#define HOT_SECTORS  32u	/* a place where writes meet often */
#define UNDER_WAY    24u

static const char stamp_usage[] = "disk stamp FIRST [COUNT] [through] [DEV]";

/* What a slot of the driver is used for. */
static struct {
	enum { FREE, WRITE, READ, FLUSH } use;
	u32 number, sector, count;
	u8 *data;
} work[UNDER_WAY];

static struct vdev *disk;
static bool through;

static u32 mix(u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	h ^= h >> 13;
	h *= 0xc2b2ae35u;
	return h ^ h >> 16;
}

static void place(u32 number, u32 sectors, u32 *sector, u32 *count)
{
	u32 h = mix(number);

	*count = 1 + h % MOST_SECTORS;
	if (h / 8 % 4 == 0)
		sectors = HOT_SECTORS;
	*sector = h / 32 % (sectors - *count + 1);
}

static void stamp(u8 *to, u32 number, u32 sector, u32 count)
{
	for (; count; count--, sector++, to += SECTOR) {
		u32 *words = (u32 *)to, state = number * 0x9e3779b1u ^ sector * 0x85ebca6bu;

		if (!state)
			state = 1;
		words[0] = 0x504d5453u;
		words[1] = number;
		words[2] = sector;
		for (u32 w = 3; w < SECTOR / 4; w++)
			words[w] = xorshift(&state);
	}
}

/* Deals with what was answered; false: it should not have been so. */
static bool settle(u32 slot)
{
	static const char *const names[] = { "", "write", "read", "flush" };
	static u8 expected[MOST_SECTORS * SECTOR];
	u32 status = blk_slots[slot].status;

	if (status != BLK_S_OK) {
		printf("%s %u: %s\n", names[work[slot].use], work[slot].number, blk_status_text(status));
		return false;
	}
	if (work[slot].use == READ) {
		stamp(expected, work[slot].number, work[slot].sector, work[slot].count);
		if (memcmp(expected, work[slot].data, work[slot].count * SECTOR)) {
			printf("write %u at sector %u reads back something else\n", work[slot].number, work[slot].sector);
			return false;
		}
	}
	/* Without flushes every answered write counts; a line for each would be mostly lines. */
	if (work[slot].use == FLUSH || (through && work[slot].use == WRITE && work[slot].number % 4 == 0))
		printf("flushed %u\n", work[slot].number);
	work[slot].use = FREE;
	return true;
}

/* A free slot, once there is one; UNDER_WAY when something went wrong. */
static u32 free_slot(void)
{
	for (;;) {
		u32 found = UNDER_WAY;

		blk_collect(disk);
		for (u32 i = 0; i < UNDER_WAY; i++) {
			if (work[i].use != FREE && blk_slots[i].done && !settle(i))
				return UNDER_WAY;
			if (work[i].use == FREE)
				found = i;
		}
		if (found < UNDER_WAY)
			return found;
		if (!blk_wait(disk)) {
			printf("no answer\n");
			return UNDER_WAY;
		}
	}
}

static bool submit(u32 use, u32 type, u32 number, u32 sector, u32 count)
{
	u32 slot = free_slot();

	if (slot == UNDER_WAY)
		return false;
	work[slot].number = number;
	work[slot].sector = sector;
	work[slot].count = count;
	if (use == WRITE)
		stamp(work[slot].data, number, sector, count);
	if (!blk_submit(disk, slot, type, sector, work[slot].data, count * SECTOR, 1536, number & 1)) {
		printf("ring full\n");
		return false;
	}
	work[slot].use = use;
	vq_kick(&disk->vq[0]);
	return true;
}

static bool all_settled(void)
{
	for (;;) {
		bool left = false;

		blk_collect(disk);
		for (u32 i = 0; i < UNDER_WAY; i++) {
			if (work[i].use == FREE)
				continue;
			if (!blk_slots[i].done)
				left = true;
			else if (!settle(i))
				return false;
		}
		if (!left)
			return true;
		if (!blk_wait(disk)) {
			printf("no answer\n");
			return false;
		}
	}
}

bool cmd_disk_stamp(int argc, char **argv)
{
	u32 first, total = 0, n = 0, sectors;
	int at = 1;

	if (argc < 1 || !parse_u32(argv[0], &first))
		return usage(stamp_usage);
	if (at < argc && parse_u32(argv[at], &total))
		at++;
	through = at < argc && !strcmp(argv[at], "through");
	at += through;
	if (at < argc && !parse_u32(argv[at++], &n))
		return usage(stamp_usage);
	if (at < argc)
		return usage(stamp_usage);
	disk = blk_find(n);
	if (!disk || disk->num_vq < 1 || disk->vq[0].num < UNDER_WAY * (BLK_PIECES + 2)) {
		printf("no block device%s with enough of a ring\n", n ? " of that number" : "");
		return false;
	}
	sectors = (u32)blk_capacity(disk);
	if (sectors < HOT_SECTORS) {
		printf("it has only %u sectors\n", sectors);
		return false;
	}
	if (through)
		blk_start_through(disk);
	for (u32 i = 0; i < UNDER_WAY; i++) {
		work[i].use = FREE;
		if (!work[i].data)
			work[i].data = page_alloc(MOST_SECTORS * SECTOR / PAGE_SIZE);
	}
	for (u32 number = first, done = 0; !total || done < total; number++, done++) {
		u32 sector, count, h = mix(~number);

		place(number, sectors, &sector, &count);
		if (!submit(WRITE, BLK_OUT, number, sector, count))
			return false;
		/* Nothing comes between the two in the ring, so this is what is read, whatever else is under way. */
		if (h % 16 == 0 && !submit(READ, BLK_IN, number, sector, count))
			return false;
		if (!through && (h / 16 % 8 == 0 || done + 1 == total) && !submit(FLUSH, BLK_FLUSH, number, 0, 0))
			return false;
	}
	if (!all_settled())
		return false;
	if (through)
		blk_start(disk);
	return true;
}

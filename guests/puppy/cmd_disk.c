/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk commands. None of them checks the range: what lies past the end is for the Host to refuse. */
#include "block.h"
#include "command.h"
#include "lib.h"
#include "paging.h"

#define CHUNK 128u	/* sectors per request */

static u8 *chunk;

/*
 * A number below 256 is that byte all over. Any other word makes every sector different, so that data in the wrong
 * place is noticed: 32-bit little-endian word w of sector s is crc32(word) + s * 0x9e3779b1 + w * 0x85ebca6b.
 */
static void fill_pattern(u8 *to, u64 sector, u32 count, const char *pattern)
{
	u32 seed;

	if (parse_u32(pattern, &seed) && seed < 256) {
		memset(to, (int)seed, count * SECTOR);
		return;
	}
	seed = crc32(0, pattern, strlen(pattern));
	for (u32 s = 0; s < count; s++)
		for (u32 w = 0; w < SECTOR / 4; w++, to += 4) {
			u32 v = seed + (u32)(sector + s) * 0x9e3779b1u + w * 0x85ebca6bu;

			memcpy(to, &v, 4);
		}
}

/* DEV is the number among the block devices; the last argument at position at, if there. */
static struct vdev *device(int argc, char **argv, int at, const char *text)
{
	u32 n = 0;
	struct vdev *d;

	if (argc > at + 1 || (argc == at + 1 && !parse_u32(argv[at], &n))) {
		usage(text);
		return NULL;
	}
	d = blk_find(n);
	if (!d || d->num_vq < 1) {
		printf("no block device%s\n", n ? " of that number" : "");
		return NULL;
	}
	if (!chunk)
		chunk = page_alloc(CHUNK * SECTOR / PAGE_SIZE);
	return d;
}

static bool io(struct vdev *d, u32 type, u64 sector, u32 count)
{
	u32 status = blk_request(d, type, sector, chunk, count * SECTOR);

	if (status != BLK_S_OK)
		printf("sector %llu: %s\n", sector, blk_status_text(status));
	return status == BLK_S_OK;
}

static bool range(int argc, char **argv, int least, u64 *sector, u32 *count, const char *text)
{
	if (argc < least || !parse_u64(argv[0], sector) || !parse_u32(argv[1], count) || !*count)
		return usage(text);
	return true;
}

/* CRC-32 of sectors; optionally the first bytes in hex. */
static bool sum(struct vdev *d, u64 sector, u64 count, bool show, u32 *crc)
{
	*crc = 0;
	for (u64 at = 0; at < count; at += CHUNK) {
		u32 n = count - at < CHUNK ? (u32)(count - at) : CHUNK;

		if (!io(d, BLK_IN, sector + at, n))
			return false;
		if (show && !at)
			hexdump(chunk, 64);
		*crc = crc32(*crc, chunk, n * SECTOR);
	}
	return true;
}

bool cmd_disk_read(int argc, char **argv)
{
	const char *text = "disk read SECTOR COUNT [DEV]";
	struct vdev *d;
	u64 sector;
	u32 count, crc;

	if (!range(argc, argv, 2, &sector, &count, text) || !(d = device(argc, argv, 2, text)) ||
	    !sum(d, sector, count, true, &crc))
		return false;
	printf("%u sector%s from %llu, crc32 %08x\n", count, count == 1 ? "" : "s", sector, crc);
	return true;
}

bool cmd_disk_sum(int argc, char **argv)
{
	struct vdev *d = device(argc, argv, 0, "disk sum [DEV]");
	u32 crc;

	if (!d || !sum(d, 0, blk_capacity(d), false, &crc))
		return false;
	printf("%llu sectors, crc32 %08x\n", blk_capacity(d), crc);
	return true;
}

bool cmd_disk_write(int argc, char **argv)
{
	const char *text = "disk write SECTOR COUNT PATTERN [DEV]";
	struct vdev *d;
	u64 sector;
	u32 count;

	if (!range(argc, argv, 3, &sector, &count, text) || !(d = device(argc, argv, 3, text)))
		return false;
	for (u32 at = 0, n; at < count; at += n) {
		n = min_u32(count - at, CHUNK);
		fill_pattern(chunk, sector + at, n, argv[2]);
		if (!io(d, BLK_OUT, sector + at, n))
			return false;
	}
	printf("%u sector%s written from %llu\n", count, count == 1 ? "" : "s", sector);
	return true;
}

bool cmd_disk_verify(int argc, char **argv)
{
	const char *text = "disk verify SECTOR COUNT PATTERN [DEV]";
	struct vdev *d;
	u64 sector;
	u32 count;

	if (!range(argc, argv, 3, &sector, &count, text) || !(d = device(argc, argv, 3, text)))
		return false;
	for (u32 at = 0, n; at < count; at += n) {
		n = min_u32(count - at, CHUNK);
		if (!io(d, BLK_IN, sector + at, n))
			return false;
		for (u32 s = 0; s < n; s++) {
			u8 expected[SECTOR];

			fill_pattern(expected, sector + at + s, 1, argv[2]);
			if (memcmp(expected, chunk + s * SECTOR, SECTOR)) {
				printf("sector %llu differs\n", sector + at + s);
				return false;
			}
		}
	}
	printf("%u sector%s from %llu verified\n", count, count == 1 ? "" : "s", sector);
	return true;
}

bool cmd_disk_flush(int argc, char **argv)
{
	struct vdev *d = device(argc, argv, 0, "disk flush [DEV]");
	u32 status;

	if (!d)
		return false;
	status = blk_request(d, BLK_FLUSH, 0, NULL, 0);
	printf("flush: %s\n", blk_status_text(status));
	return status == BLK_S_OK;
}

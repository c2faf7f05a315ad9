/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver that breaks the rules of the ring, and the command. The Host must refuse each case, leave us alone, and serve after a reset. */
#include "block.h"
#include "command.h"
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "lib.h"
#include "rng.h"
#include "villain.h"

#define NOWHERE    0xfffff000ull	/* never a guest's: the Hypervisor's own */
#define TIMEOUT_MS 30000u
#define TABLE      258u

u8 villain_buffer[VILLAIN_BUFFER] __attribute__((aligned(16)));
static struct vring_desc table[TABLE] __attribute__((aligned(16)));
static u32 told[SERVED + 1], wrong;

u32 villain_limit(void)
{
	u32 end = 0;

	for (u32 i = 0; i < vdev_count; i++)
		for (u32 q = 0; q < min_u32(vdevs[i].num_vq, MAX_QUEUES); q++)
			end = max_u32(end, GPA(&vdevs[i].vq[q].used->ring[vdevs[i].vq[q].num]));
	return align_up(end, PAGE_SIZE);
}

bool villain_tell(struct vdev *d, const char *name, enum verdict verdict, bool good)
{
	static const char *const words[] = { "refused", "answered", "served" };

	told[verdict]++;
	wrong += !good;
	printf("%s: %s: %s%s\n", vdev_type_name(d->type), name, good ? "" : "NOT ", words[verdict]);
	return good;
}

void villain_make_available(struct virtqueue *vq, u16 head)
{
	vq->avail->ring[vq->avail->idx % vq->num] = head;
	barrier();
	vq->avail->idx++;
}

static struct vring_desc plain(void)
{
	return (struct vring_desc){ GPA(villain_buffer), 16, DESC_WRITE, 0 };
}

static void one(struct virtqueue *vq, u64 addr, u32 len, u16 flags, u16 next)
{
	vq->desc[0] = (struct vring_desc){ addr, len, flags, next };
	villain_make_available(vq, 0);
}

static void buffer(struct virtqueue *vq, u64 addr, u32 len)
{
	one(vq, addr, len, DESC_WRITE, 0);
}

static void linked(struct virtqueue *vq, u16 next)
{
	one(vq, GPA(villain_buffer), 16, DESC_NEXT | DESC_WRITE, next);
}

static void indirect(struct virtqueue *vq, u32 len)
{
	one(vq, GPA(table), len, DESC_INDIRECT, 0);
}

static void head_outside(struct virtqueue *vq) { villain_make_available(vq, vq->num); }
static void head_far_outside(struct virtqueue *vq) { villain_make_available(vq, 0xffff); }
static void next_outside(struct virtqueue *vq) { linked(vq, vq->num); }
static void next_far_outside(struct virtqueue *vq) { linked(vq, 0xffff); }
static void loop_of_one(struct virtqueue *vq) { linked(vq, 0); }

static void loop_of_two(struct virtqueue *vq)
{
	vq->desc[1] = (struct vring_desc){ GPA(villain_buffer), 16, DESC_NEXT | DESC_WRITE, 0 };
	linked(vq, 1);
}

static void buffer_outside(struct virtqueue *vq) { buffer(vq, NOWHERE, 16); }
static void buffer_of_4_gib(struct virtqueue *vq) { buffer(vq, GPA(villain_buffer), 0xffffffff); }
static void buffer_beyond_32_bits(struct virtqueue *vq) { buffer(vq, GPA(villain_buffer) | 1ull << 32, 16); }
static void buffer_wraps(struct virtqueue *vq) { buffer(vq, ~7ull, 16); }
static void buffer_at_limit(struct virtqueue *vq) { buffer(vq, villain_limit(), 1); }
static void buffer_over_limit(struct virtqueue *vq) { buffer(vq, villain_limit() - 8, 16); }

static void four_gib_in_all(struct virtqueue *vq)
{
	for (u32 i = 0; i < vq->num; i++)
		vq->desc[i] = (struct vring_desc){ 0, 1u << 25, DESC_WRITE | DESC_NEXT, (u16)(i + 1) };
	villain_make_available(vq, 0);
}

static void readable_behind_writable(struct virtqueue *vq)
{
	vq->desc[1] = (struct vring_desc){ GPA(villain_buffer), 16, 0, 0 };
	linked(vq, 1);
}

static void index_too_far(struct virtqueue *vq) { vq->avail->idx += vq->num + 1; }
static void index_half_round(struct virtqueue *vq) { vq->avail->idx += 0x8000; }
static void index_back(struct virtqueue *vq) { vq->avail->idx--; }
static void table_outside(struct virtqueue *vq) { one(vq, NOWHERE, 16, DESC_INDIRECT, 0); }
static void table_over_limit(struct virtqueue *vq) { one(vq, villain_limit() - 16, 32, DESC_INDIRECT, 0); }
static void table_empty(struct virtqueue *vq) { indirect(vq, 0); }
static void table_odd(struct virtqueue *vq) { indirect(vq, 17); }

static void table_with_next(struct virtqueue *vq)
{
	table[0] = plain();
	one(vq, GPA(table), 16, DESC_INDIRECT | DESC_NEXT, 1);
}

static void table_in_table(struct virtqueue *vq)
{
	table[0] = (struct vring_desc){ GPA(table), 16, DESC_INDIRECT, 0 };
	indirect(vq, 16);
}

static void table_next_outside(struct virtqueue *vq)
{
	table[0] = (struct vring_desc){ GPA(villain_buffer), 16, DESC_NEXT | DESC_WRITE, 1 };
	indirect(vq, 16);
}

static void table_loop(struct virtqueue *vq)
{
	table[0] = (struct vring_desc){ GPA(villain_buffer), 16, DESC_NEXT | DESC_WRITE, 0 };
	indirect(vq, 16);
}

static void table_too_long(struct virtqueue *vq)
{
	for (u32 i = 0; i < TABLE; i++)
		table[i] = (struct vring_desc){ GPA(villain_buffer), 1, DESC_NEXT | DESC_WRITE, (u16)(i + 1) };
	indirect(vq, sizeof(table));
}

static const struct villainy {
	const char *name;
	void (*commit)(struct virtqueue *vq);
} villainies[] = {
	{ "head outside the table", head_outside },
	{ "head 65535", head_far_outside },
	{ "next outside the table", next_outside },
	{ "next 65535", next_far_outside },
	{ "a loop of one", loop_of_one },
	{ "a loop of two", loop_of_two },
	{ "buffer outside memory", buffer_outside },
	{ "buffer of 4 GiB", buffer_of_4_gib },
	{ "buffer beyond 32 bits", buffer_beyond_32_bits },
	{ "buffer that wraps around", buffer_wraps },
	{ "buffer at the limit", buffer_at_limit },
	{ "buffer over the limit", buffer_over_limit },
	{ "4 GiB in all", four_gib_in_all },
	{ "readable behind writable", readable_behind_writable },
	{ "index too far ahead", index_too_far },
	{ "index half way round", index_half_round },
	{ "index moved back", index_back },
	{ "table outside memory", table_outside },
	{ "table over the limit", table_over_limit },
	{ "table of 0 bytes", table_empty },
	{ "table of 17 bytes", table_odd },
	{ "table with a next one", table_with_next },
	{ "table in a table", table_in_table },
	{ "next outside its table", table_next_outside },
	{ "a loop in a table", table_loop },
	{ "chain in a table longer than the ring", table_too_long },
};

struct virtqueue *villain_queue(struct vdev *d)
{
	return &d->vq[d->type == VIRTIO_NET || d->type == VIRTIO_CONSOLE];
}

bool villain_asks(struct vdev *d)
{
	static u8 frame[70];
	struct vbuf piece;

	switch (d->type) {
	case VIRTIO_BLOCK:
		return blk_request(d, BLK_IN, 0, villain_buffer, SECTOR) == BLK_S_OK;
	case VIRTIO_RNG:
		return rng_read(d, villain_buffer, 16, 1) == 16;
	case VIRTIO_NET:
		piece = (struct vbuf){ frame, sizeof(frame) };
		break;
	default:
		/* Shows nowhere. */
		piece = (struct vbuf){ "\r", 1 };
		break;
	}
	return vq_request(villain_queue(d), &piece, 1, 0, TIMEOUT_MS) == 0;
}

bool villain_serves(struct vdev *d)
{
	if (d->type == VIRTIO_BLOCK)
		blk_start(d);
	else
		vdev_start(d, 1u << FEATURE_INDIRECT_DESC);
	return villain_asks(d);
}

/* The device looks at the ring with notifications off, and refuses it a moment later. */
bool villain_refused(struct virtqueue *vq)
{
	u16 used = vq->used->idx;

	notify(vq->gpa);
	for (u32 ms = 0; ms < TIMEOUT_MS; ms += 2) {
		sleep_ms(2);
		if (vq->used->idx != used)
			return false;
		if (vq->used->flags & USED_NO_NOTIFY) {
			sleep_ms(20);
			return vq->used->idx == used;
		}
	}
	return false;
}

static bool rings(struct vdev *d)
{
	bool good = true;

	for (u32 q = 0; q < d->num_vq; q++) {
		struct virtqueue *vq = &d->vq[q];

		for (u32 i = 0; i < sizeof(villainies) / sizeof(*villainies); i++) {
			if (!villain_serves(d)) {
				printf("%s: does not serve\n", vdev_type_name(d->type));
				return false;
			}
			/* Idle, so that it is woken by our kick. */
			while (vq->used->flags & USED_NO_NOTIFY)
				sleep_ms(2);
			villainies[i].commit(vq);
			good = villain_tell(d, villainies[i].name, REFUSED, villain_refused(vq)) && good;
		}
	}
	return good;
}

static bool attack(struct vdev *d)
{
	bool good = rings(d);

	good = villain_requests(d) && good;
	good = villain_bus(d) && good;
	return villain_serves(d) && good;
}

bool cmd_villain(int argc, char **argv)
{
	u32 types[] = { VIRTIO_RNG, VIRTIO_BLOCK, VIRTIO_NET, VIRTIO_CONSOLE };
	bool good = true;

	if (argc == 2 && !strcmp(argv[0], "end")) {
		villain_end(argv[1]);
		return usage("villain end HOW, and the Host should have ended us");
	}
	/* Its own console may be attacked as well. */
	console_leave();
	for (u32 t = 0; t < sizeof(types) / sizeof(*types); t++) {
		struct vdev *d = vdev_find(types[t], 0);

		if (d)
			good = attack(d) && good;
	}
	console_init();
	printf("villain: %u refused, %u answered, %u served, %u wrong\n", told[REFUSED], told[ANSWERED], told[SERVED], wrong);
	return good;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver that breaks the rules. The Host must refuse each case, leave us alone (--on-device-fault detach), and serve after a reset. */
#include "block.h"
#include "command.h"
#include "hypercall.h"
#include "irq.h"
#include "lib.h"
#include "rng.h"

#define NOWHERE   0xfffff000ull	/* never a guest's: the Hypervisor's own */
#define BUFFER    512u
#define TIMEOUT_MS 30000u

static u8 buffer[BUFFER] __attribute__((aligned(16)));
static struct vring_desc table[32] __attribute__((aligned(16)));

static struct vring_desc plain(void)
{
	return (struct vring_desc){ GPA(buffer), 16, DESC_WRITE, 0 };
}

static void make_available(struct virtqueue *vq, u16 head)
{
	vq->avail->ring[vq->avail->idx % vq->num] = head;
	barrier();
	vq->avail->idx++;
}

static void one(struct virtqueue *vq, u64 addr, u32 len, u16 flags, u16 next)
{
	vq->desc[0] = (struct vring_desc){ addr, len, flags, next };
	make_available(vq, 0);
}

static void indirect(struct virtqueue *vq, u32 len)
{
	one(vq, GPA(table), len, DESC_INDIRECT, 0);
}

static void head_outside(struct virtqueue *vq) { make_available(vq, vq->num); }
static void head_far_outside(struct virtqueue *vq) { make_available(vq, 0xffff); }
static void next_outside(struct virtqueue *vq) { one(vq, GPA(buffer), 16, DESC_NEXT | DESC_WRITE, vq->num); }
static void loop_of_one(struct virtqueue *vq) { one(vq, GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 0); }

static void loop_of_two(struct virtqueue *vq)
{
	vq->desc[1] = (struct vring_desc){ GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 0 };
	one(vq, GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 1);
}

static void buffer_outside(struct virtqueue *vq) { one(vq, NOWHERE, 16, DESC_WRITE, 0); }
static void buffer_of_4_gib(struct virtqueue *vq) { one(vq, GPA(buffer), 0xffffffff, DESC_WRITE, 0); }
static void buffer_beyond_32_bits(struct virtqueue *vq) { one(vq, GPA(buffer) | 1ull << 32, 16, DESC_WRITE, 0); }
static void buffer_wraps(struct virtqueue *vq) { one(vq, ~7ull, 16, DESC_WRITE, 0); }

static void readable_behind_writable(struct virtqueue *vq)
{
	vq->desc[1] = (struct vring_desc){ GPA(buffer), 16, 0, 0 };
	one(vq, GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 1);
}

static void index_too_far(struct virtqueue *vq) { vq->avail->idx += vq->num + 1; }
static void index_back(struct virtqueue *vq) { vq->avail->idx--; }
static void table_outside(struct virtqueue *vq) { one(vq, NOWHERE, 16, DESC_INDIRECT, 0); }
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
	table[0] = (struct vring_desc){ GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 1 };
	indirect(vq, 16);
}

static void table_loop(struct virtqueue *vq)
{
	table[0] = (struct vring_desc){ GPA(buffer), 16, DESC_NEXT | DESC_WRITE, 0 };
	indirect(vq, 16);
}

static const struct villainy {
	const char *name;
	void (*commit)(struct virtqueue *vq);
} villainies[] = {
	{ "head outside the table", head_outside },
	{ "head 65535", head_far_outside },
	{ "next outside the table", next_outside },
	{ "a loop of one", loop_of_one },
	{ "a loop of two", loop_of_two },
	{ "buffer outside memory", buffer_outside },
	{ "buffer of 4 GiB", buffer_of_4_gib },
	{ "buffer beyond 32 bits", buffer_beyond_32_bits },
	{ "buffer that wraps around", buffer_wraps },
	{ "readable behind writable", readable_behind_writable },
	{ "index too far ahead", index_too_far },
	{ "index moved back", index_back },
	{ "table outside memory", table_outside },
	{ "table of 0 bytes", table_empty },
	{ "table of 17 bytes", table_odd },
	{ "table with a next one", table_with_next },
	{ "table in a table", table_in_table },
	{ "next outside its table", table_next_outside },
	{ "a loop in a table", table_loop },
};

/* Starts the device and makes a request that works. */
static bool serves(struct vdev *d)
{
	if (d->type == VIRTIO_BLOCK) {
		blk_start(d);
		return blk_request(d, BLK_IN, 0, buffer, SECTOR) == BLK_S_OK;
	}
	vdev_start(d, 1u << FEATURE_INDIRECT_DESC);
	return rng_read(d, buffer, 16, 1) == 16;
}

/* The device looks at the ring with notifications off, and refuses it a moment later. False if it answers, or never looks. */
static bool is_refused(struct virtqueue *vq)
{
	for (u32 ms = 0; ms < TIMEOUT_MS; ms += 2) {
		sleep_ms(2);
		if (vq_done(vq))
			return false;
		if (vq->used->flags & USED_NO_NOTIFY) {
			sleep_ms(20);
			return !vq_done(vq);
		}
	}
	return false;
}

static bool try_all(struct vdev *d)
{
	const char *type = vdev_type_name(d->type);
	bool good = true;

	for (u32 i = 0; i < sizeof(villainies) / sizeof(*villainies); i++) {
		bool refused;

		if (!serves(d)) {
			printf("%s: does not serve\n", type);
			return false;
		}
		/* Idle, so that it is woken by our kick. */
		while (d->vq[0].used->flags & USED_NO_NOTIFY)
			sleep_ms(2);
		villainies[i].commit(&d->vq[0]);
		notify(d->vq[0].gpa);
		refused = is_refused(&d->vq[0]);
		printf("%s: %s: %s\n", type, villainies[i].name, refused ? "refused" : "NOT REFUSED");
		good = good && refused;
	}
	return good;
}

/* A reset at any moment of a request: what comes of the request does not matter, as long as the next one works. */
static bool reset_in_flight(struct vdev *d)
{
	struct vbuf piece = { buffer, 16 };

	for (u32 i = 0; i < 100; i++) {
		if (!serves(d)) {
			printf("%s: does not serve after %u resets\n", vdev_type_name(d->type), i);
			return false;
		}
		if (d->type == VIRTIO_BLOCK)
			blk_submit(d, 0, BLK_IN, 0, buffer, SECTOR, SECTOR, false);
		else
			vq_add(&d->vq[0], &piece, 0, 1);
		notify(d->vq[0].gpa);
		for (u32 spin = 0; spin < i * 50; spin++)
			barrier();
		vdev_reset(d);
	}
	printf("%s: 100 resets in flight\n", vdev_type_name(d->type));
	return serves(d);
}

/* The Host has no use for its own words once we have them. */
static bool page_scribbled(struct vdev *d)
{
	struct lguest_device_desc saved = *d->desc;
	bool good;

	d->desc->type = 0xff;
	d->desc->num_vq = 0xff;
	d->desc->feature_len = 0;
	d->desc->config_len = 0xff;
	good = serves(d);
	printf("%s: descriptor written over: %s\n", vdev_type_name(d->type), good ? "serves" : "does NOT serve");
	d->desc->type = saved.type;
	d->desc->num_vq = saved.num_vq;
	d->desc->feature_len = saved.feature_len;
	d->desc->config_len = saved.config_len;
	return good && serves(d);
}

/* What the Host has no answer to but the end. */
static bool end(const char *how)
{
	struct vdev *d = rng_find(0) ? rng_find(0) : blk_find(0);

	if (!strcmp(how, "nowhere")) {
		notify((u32)NOWHERE);
	} else if (d && !strcmp(how, "twice")) {
		notify(GPA(d->desc));
	}
	return usage("villain end nowhere | twice (the latter needs an rng or a disk), and the Host should have ended us");
}

bool cmd_villain(int argc, char **argv)
{
	u32 types[] = { VIRTIO_RNG, VIRTIO_BLOCK }, count = 0;
	bool good = true;

	if (argc == 2 && !strcmp(argv[0], "end"))
		return end(argv[1]);
	for (u32 t = 0; t < 2; t++) {
		struct vdev *d = vdev_find(types[t], 0);

		if (!d)
			continue;
		count++;
		good = try_all(d) && reset_in_flight(d) && page_scribbled(d) && good;
	}
	if (!count)
		printf("villain: no rng and no disk\n");
	return good && count;
}

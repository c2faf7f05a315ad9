/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot.h"
#include "net.h"
#include "selftest.h"

#define DRAIN_MS 5000
#define ETH_LOCAL_EXPERIMENTAL 0x88b5

static void use(struct vdev *d)
{
	char text[20];
	u32 ip = 0;

	if (option_value("ip", text, sizeof(text)))
		parse_ip(text, &ip);
	net_use(d, ip);
}

static const char *ready(struct vdev *d)
{
	CHECK(d->num_vq >= 2, "%u queues", d->num_vq);
	CHECK(net_mac(d), "not driven");
	CHECK(d->vq[0].free_count < d->vq[0].num, "no buffer for frames posted");
	return NULL;
}

static const char *address(struct vdev *d)
{
	const u8 *mac = net_mac(d);

	if (!vdev_has(d, NET_F_MAC))
		return NULL;
	CHECK(d->config_len >= 6, "%u config bytes", d->config_len);
	CHECK(!(mac[0] & 1), "a group address: first octet %x", mac[0]);
	CHECK(memcmp(mac, (u8[6]){ 0 }, 6), "all zero");
	return NULL;
}

/* With no address of ours this is an ARP probe, which changes nobody's table. */
static const char *broadcast(struct vdev *d)
{
	use(d);
	CHECK(net_arp_request(0xc0a81301), "not sent");
	CHECK(net_drained(DRAIN_MS), "the device did not take the frame");
	return NULL;
}

static const char *wraparound(struct vdev *d)
{
	u8 frame[60];
	u32 free;

	use(d);
	CHECK(net_drained(DRAIN_MS), "earlier frames not taken");
	free = d->vq[1].free_count;
	memset(frame, 0, sizeof(frame));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, net_mac(d), 6);
	frame[12] = ETH_LOCAL_EXPERIMENTAL >> 8;
	frame[13] = ETH_LOCAL_EXPERIMENTAL & 0xff;
	/* Two descriptors each, so half of it would do. */
	for (u32 i = 0; i < 3 * (u32)d->vq[1].num; i++)
		CHECK(net_send(frame, sizeof(frame)), "frame %u not sent", i);
	CHECK(net_drained(DRAIN_MS), "not all frames taken");
	CHECK(d->vq[1].free_count == free, "%u descriptors free, %u before", d->vq[1].free_count, free);
	return NULL;
}

static const char *restart(struct vdev *d)
{
	net_start(d);
	return broadcast(d);
}

const struct device_test net_tests[] = {
	{ "ready", ready },
	{ "address", address },
	{ "broadcast", broadcast },
	{ "wraparound", wraparound },
	{ "restart", restart },
	{ NULL, NULL },
};

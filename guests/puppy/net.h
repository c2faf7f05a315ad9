/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One interface at a time: Ethernet, ARP, IPv4 and ICMP echo, enough to ping and be pinged. */
#ifndef NET_H
#define NET_H

#include "virtio.h"

#define NET_F_MAC 5

struct net_stats {
	u32 received, arp_answered, echo_answered;
};

extern struct net_stats net_stats;

/* Prepares the devices; buffers for received frames are posted at once. */
void net_init(void);
struct vdev *net_find(u32 n);
void net_start(struct vdev *d);
/* Our hardware address on the device. */
const u8 *net_mac(const struct vdev *d);
/* Our own address for what follows; 0 for none. */
void net_use(struct vdev *d, u32 ip);

/* False when the device did not take the frame in time. */
bool net_send(const void *frame, u32 len);
/* Waits until the device has taken every frame. */
bool net_drained(u32 ms);
bool net_arp_request(u32 target);
/* Answers whatever comes for the given time. */
void net_serve(u32 ms);
/* One echo request and its reply: the round trip in nanoseconds, or -1 with the reason. */
s64 net_ping(u32 target, u16 sequence, u32 timeout_ms, const char **why);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "irq.h"
#include "lib.h"
#include "net.h"
#include "paging.h"

#define RX 0
#define TX 1
#define HEADER      10	/* virtio_net_hdr without merged buffers */
#define FRAME_MAX   1514
#define BUFFER      2048
#define RX_BUFFERS  16
#define TX_BUFFERS  8
#define MAX_NETS    4
#define ARP_ENTRIES 8
#define TX_TIMEOUT_MS 5000

#define ETH_ARP  0x0806
#define ETH_IPV4 0x0800
#define ICMP_ECHO_REPLY   0
#define ICMP_ECHO_REQUEST 8
#define ECHO_ID   0x7075
#define ECHO_DATA 56

struct buffer {
	u8 *data;
	int head;	/* -1: not with the Host */
};

struct net {
	struct vdev *d;
	u8 mac[6];
	struct buffer rx[RX_BUFFERS], tx[TX_BUFFERS];
};

static struct net nets[MAX_NETS];
static u32 net_count;
struct net_stats net_stats;

static struct net *self;
static u32 self_ip;
static struct {
	u32 ip;
	u8 mac[6];
} arp_table[ARP_ENTRIES];
static u32 arp_next;
/* The last echo reply meant for us. */
static struct {
	bool seen, damaged;
	u16 sequence;
	u64 at;
} reply;

static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }
static void put16(u8 *p, u32 v) { p[0] = (u8)(v >> 8); p[1] = (u8)v; }
static void put32(u8 *p, u32 v) { put16(p, v >> 16); put16(p + 2, v); }

/* The ones' complement sum of IPv4 and ICMP. */
static u16 checksum(const u8 *p, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	if (n & 1)
		sum += p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

struct vdev *net_find(u32 n)
{
	return vdev_find(VIRTIO_NET, n);
}

static struct net *net_of(const struct vdev *d)
{
	for (u32 i = 0; i < net_count; i++)
		if (nets[i].d == d)
			return &nets[i];
	return NULL;
}

const u8 *net_mac(const struct vdev *d)
{
	struct net *n = net_of(d);

	return n ? n->mac : NULL;
}

static void rx_post(struct net *n, struct buffer *b)
{
	/* Header and frame apart, as Linux does it. */
	struct vbuf bufs[2] = { { b->data, HEADER }, { b->data + HEADER, BUFFER - HEADER } };

	b->head = vq_add(&n->d->vq[RX], bufs, 0, 2);
}

void net_start(struct vdev *d)
{
	struct net *n = net_of(d);

	if (!n)
		return;
	/* None of the offloads: then no frame is larger than a buffer and every checksum is complete. */
	vdev_start(d, 1u << NET_F_MAC | 1u << FEATURE_INDIRECT_DESC);
	for (u32 i = 0; i < RX_BUFFERS; i++)
		rx_post(n, &n->rx[i]);
	for (u32 i = 0; i < TX_BUFFERS; i++)
		n->tx[i].head = -1;
	vq_kick(&d->vq[RX]);
}

void net_init(void)
{
	struct vdev *d;

	for (u32 i = 0; i < MAX_NETS && (d = net_find(i)); i++) {
		struct net *n = &nets[net_count];
		u8 *pages;

		if (d->num_vq < 2)
			continue;
		net_count++;
		n->d = d;
		pages = page_alloc((RX_BUFFERS + TX_BUFFERS) * BUFFER / PAGE_SIZE);
		for (u32 k = 0; k < RX_BUFFERS; k++, pages += BUFFER)
			n->rx[k] = (struct buffer){ pages, -1 };
		for (u32 k = 0; k < TX_BUFFERS; k++, pages += BUFFER)
			n->tx[k] = (struct buffer){ pages, -1 };
		if ((d->offered >> NET_F_MAC & 1) && d->config_len >= 6)
			for (u32 k = 0; k < 6; k++)
				n->mac[k] = d->config[k];
		else
			memcpy(n->mac, (u8[]){ 0x02, 'p', 'u', 'p', 'p', (u8)i }, 6);
		net_start(d);
	}
}

void net_use(struct vdev *d, u32 ip)
{
	self = net_of(d);
	self_ip = ip;
	memset(arp_table, 0, sizeof(arp_table));
	memset(&net_stats, 0, sizeof(net_stats));
}

static bool tx_free(void *out)
{
	int head;

	while ((head = vq_take(&self->d->vq[TX], NULL)) >= 0)
		for (u32 i = 0; i < TX_BUFFERS; i++)
			if (self->tx[i].head == head)
				self->tx[i].head = -1;
	for (u32 i = 0; i < TX_BUFFERS; i++)
		if (self->tx[i].head < 0) {
			*(struct buffer **)out = &self->tx[i];
			return true;
		}
	return false;
}

bool net_send(const void *frame, u32 len)
{
	struct buffer *b;
	struct vbuf bufs[2];

	if (!self || !wait_for(tx_free, &b, TX_TIMEOUT_MS))
		return false;
	memset(b->data, 0, HEADER);
	memcpy(b->data + HEADER, frame, len);
	bufs[0] = (struct vbuf){ b->data, HEADER };
	bufs[1] = (struct vbuf){ b->data + HEADER, len };
	b->head = vq_add(&self->d->vq[TX], bufs, 2, 0);
	vq_kick(&self->d->vq[TX]);
	return b->head >= 0;
}

static bool all_taken(void *unused)
{
	struct buffer *b;

	(void)unused;
	tx_free(&b);
	for (u32 i = 0; i < TX_BUFFERS; i++)
		if (self->tx[i].head >= 0)
			return false;
	return true;
}

bool net_drained(u32 ms)
{
	return wait_for(all_taken, NULL, ms);
}

static void ether(u8 *frame, const u8 *to, u16 type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, self->mac, 6);
	put16(frame + 12, type);
}

static bool arp_send(const u8 *to_mac, u16 operation, const u8 *target_mac, u32 target)
{
	u8 f[60] = { 0 };

	ether(f, to_mac, ETH_ARP);
	put16(f + 14, 1);
	put16(f + 16, ETH_IPV4);
	f[18] = 6;
	f[19] = 4;
	put16(f + 20, operation);
	memcpy(f + 22, self->mac, 6);
	put32(f + 28, self_ip);
	memcpy(f + 32, target_mac, 6);
	put32(f + 38, target);
	return net_send(f, sizeof(f));
}

bool net_arp_request(u32 target)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, none[6];

	return arp_send(broadcast, 1, none, target);
}

static const u8 *arp_lookup(u32 ip)
{
	for (u32 i = 0; i < ARP_ENTRIES; i++)
		if (arp_table[i].ip == ip)
			return arp_table[i].mac;
	return NULL;
}

static void arp_receive(const u8 *f, u32 len)
{
	u32 sender, slot = 0;

	if (len < 42 || get16(f + 16) != ETH_IPV4 || !self_ip || get32(f + 38) != self_ip)
		return;
	sender = get32(f + 28);
	while (slot < ARP_ENTRIES && arp_table[slot].ip != sender)
		slot++;
	if (slot == ARP_ENTRIES)
		slot = arp_next++ % ARP_ENTRIES;
	arp_table[slot].ip = sender;
	memcpy(arp_table[slot].mac, f + 22, 6);
	if (get16(f + 20) == 1 && arp_send(f + 22, 2, f + 22, sender))
		net_stats.arp_answered++;
}

/* Builds the IPv4 header in front of an ICMP message already at frame + 34. */
static bool icmp_send(u8 *f, const u8 *to_mac, u32 to, u32 icmp_len)
{
	u8 *ip = f + 14, *icmp = f + 34;

	ether(f, to_mac, ETH_IPV4);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + icmp_len);
	ip[8] = 64;
	ip[9] = 1;
	put32(ip + 12, self_ip);
	put32(ip + 16, to);
	put16(ip + 10, checksum(ip, 20));
	put16(icmp + 2, 0);
	put16(icmp + 2, checksum(icmp, icmp_len));
	return net_send(f, 34 + icmp_len < 60 ? 60 : 34 + icmp_len);
}

static void icmp_receive(const u8 *f, u32 len)
{
	const u8 *ip = f + 14, *icmp = f + 34;
	u32 total, n;

	/* Plain 20-byte headers, no fragments: all a ping needs. */
	if (len < 42 || ip[0] != 0x45 || ip[9] != 1 || (get16(ip + 6) & 0x3fff) || get32(ip + 16) != self_ip)
		return;
	total = get16(ip + 2);
	if (total < 28 || total > len - 14 || checksum(ip, 20))
		return;
	n = total - 20;
	if (checksum(icmp, n))
		return;
	if (icmp[0] == ICMP_ECHO_REQUEST) {
		u8 answer[FRAME_MAX];

		memset(answer, 0, 60);
		memcpy(answer + 34, icmp, n);
		answer[34] = ICMP_ECHO_REPLY;
		if (icmp_send(answer, f + 6, get32(ip + 12), n))
			net_stats.echo_answered++;
	} else if (icmp[0] == ICMP_ECHO_REPLY && get16(icmp + 4) == ECHO_ID) {
		reply.seen = true;
		reply.sequence = get16(icmp + 6);
		reply.at = now_ns();
		reply.damaged = n != 8 + ECHO_DATA;
		for (u32 i = 0; i < ECHO_DATA && !reply.damaged; i++)
			reply.damaged = icmp[8 + i] != (u8)(reply.sequence + i);
	}
}

static void receive(void)
{
	u32 len;
	int head;

	while ((head = vq_take(&self->d->vq[RX], &len)) >= 0) {
		struct buffer *b = &self->rx[0];
		const u8 *f;

		while (b < &self->rx[RX_BUFFERS - 1] && b->head != head)
			b++;
		f = b->data + HEADER;
		net_stats.received++;
		if (len > HEADER + 14 && len <= HEADER + FRAME_MAX) {
			len -= HEADER;
			if (get16(f + 12) == ETH_ARP)
				arp_receive(f, len);
			else if (get16(f + 12) == ETH_IPV4)
				icmp_receive(f, len);
		}
		rx_post(self, b);
		vq_kick(&self->d->vq[RX]);
	}
}

static bool rx_ready(void *unused)
{
	(void)unused;
	return vq_done(&self->d->vq[RX]);
}

/* Handles frames until wanted() is content or the time is over. */
static bool serve_until(bool (*wanted)(u32), u32 arg, u32 ms)
{
	u64 end = now_ns() + (u64)ms * MS, now;

	for (;;) {
		receive();
		if (wanted && wanted(arg))
			return true;
		now = now_ns();
		if (now >= end)
			return false;
		wait_for(rx_ready, NULL, (u32)((end - now) / MS) + 1);
	}
}

void net_serve(u32 ms)
{
	serve_until(NULL, 0, ms);
}

static bool have_arp(u32 ip)
{
	return arp_lookup(ip) != NULL;
}

static bool have_reply(u32 sequence)
{
	return reply.seen && reply.sequence == sequence;
}

s64 net_ping(u32 target, u16 sequence, u32 timeout_ms, const char **why)
{
	u8 f[34 + 8 + ECHO_DATA] = { 0 }, *icmp = f + 34;
	u64 sent;

	for (int try = 0; !have_arp(target); try++) {
		*why = "no answer to ARP";
		if (try == 3)
			return -1;
		if (!net_arp_request(target)) {
			*why = "the device does not take frames";
			return -1;
		}
		serve_until(have_arp, target, timeout_ms / 3);
	}
	icmp[0] = ICMP_ECHO_REQUEST;
	put16(icmp + 4, ECHO_ID);
	put16(icmp + 6, sequence);
	for (u32 i = 0; i < ECHO_DATA; i++)
		icmp[8 + i] = (u8)(sequence + i);
	reply.seen = false;
	sent = now_ns();
	*why = "the device does not take frames";
	if (!icmp_send(f, arp_lookup(target), target, 8 + ECHO_DATA))
		return -1;
	*why = "no reply";
	if (!serve_until(have_reply, sequence, timeout_ms))
		return -1;
	*why = "damaged reply";
	return reply.damaged ? -1 : (s64)(reply.at - sent);
}

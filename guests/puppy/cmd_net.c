/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot.h"
#include "command.h"
#include "irq.h"
#include "lib.h"
#include "net.h"

#define REPLY_MS 1000

/* Takes "from" and "dev" out of the arguments. Own address: from, else ip= of the kernel command line, else 0. */
static struct vdev *device(int *argc, char **argv, u32 *own)
{
	char *from = take_option(argc, argv, "from"), *dev = take_option(argc, argv, "dev"), ip[20];
	struct vdev *d;
	u32 n = 0;

	*own = 0;
	if (option_value("ip", ip, sizeof(ip)) && !parse_ip(ip, own)) {
		printf("ip=%s is not an address\n", ip);
		return NULL;
	}
	if (from && !parse_ip(from, own)) {
		printf("%s is not an address\n", from);
		return NULL;
	}
	if (dev && !parse_u32(dev, &n)) {
		printf("%s is not a device number\n", dev);
		return NULL;
	}
	d = net_find(n);
	if (!d || !net_mac(d)) {
		printf("no net device%s\n", n ? " of that number" : "");
		return NULL;
	}
	return d;
}

bool cmd_net_ping(int argc, char **argv)
{
	u32 own, target, count = 4, received = 0;
	struct vdev *d = device(&argc, argv, &own);

	if (!d)
		return false;
	if (argc < 1 || argc > 2 || !parse_ip(argv[0], &target) || (argc > 1 && (!parse_u32(argv[1], &count) || !count)))
		return usage("net ping IP [COUNT] [from IP] [dev DEV]");
	/* Without an address of our own: the neighbour of the one we ask. */
	if (!own)
		own = (target & 0xff) < 254 ? target + 1 : target - 1;
	net_use(d, own);
	for (u32 i = 1; i <= count; i++) {
		const char *why;
		s64 ns = net_ping(target, (u16)i, REPLY_MS, &why);

		if (ns < 0) {
			printf("%I: seq %u: %s\n", target, i, why);
			continue;
		}
		received++;
		printf("%I: seq %u time %llu.%03llu ms\n", target, i, (u64)ns / MS, (u64)ns % MS / 1000);
	}
	printf("%u sent, %u received\n", count, received);
	return received == count;
}

bool cmd_net_listen(int argc, char **argv)
{
	u32 own, seconds;
	struct vdev *d = device(&argc, argv, &own);

	if (!d)
		return false;
	if (argc != 1 || !parse_u32(argv[0], &seconds) || seconds > 4000000)
		return usage("net listen SECONDS [from IP] [dev DEV]");
	if (!own) {
		printf("no address: give ip=A.B.C.D on the kernel command line, or from A.B.C.D\n");
		return false;
	}
	net_use(d, own);
	printf("listening as %I\n", own);
	net_serve(seconds * 1000);
	printf("%u frames received, %u ARP and %u echo requests answered\n", net_stats.received, net_stats.arp_answered,
	       net_stats.echo_answered);
	return true;
}

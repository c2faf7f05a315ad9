/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the workloads in order and brackets each with a line, so that whoever reads our output can take the time:
 *   begin NAME
 *   end NAME CHECKSUM TICKS
 * Words of the command line: only=NAME,GROUP,... and divide=N, which makes every workload N times smaller.
 */
#include "bench.h"
#include "boot.h"
#include "workloads.h"

static u32 (*puppy_workload(const char *name))(u8 *, u32)
{
	for (const struct workload *w = workloads; w->name; w++)
		if (!strcmp(w->name, name))
			return w->run;
	return NULL;
}

/* Is the word one of the comma-separated list? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (list) {
		if (!strncmp(list, word, n) && (list[n] == ',' || list[n] == '\0'))
			return true;
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return false;
}

static void run(const struct bench *b, u32 divide)
{
	u32 (*work)(u8 *, u32) = b->run ? b->run : puppy_workload(b->name);
	u32 rounds = b->rounds / divide ? b->rounds / divide : 1, checksum;
	u8 *memory = platform_memory();
	u64 start;

	if (!work) {
		printf("no workload %s\n", b->name);
		platform_exit(false);
	}
	memset(memory, 0, b->memory);
	__asm__ volatile("fninit");
	printf("begin %s\n", b->name);
	start = rdtsc();
	checksum = platform_call(b->ring, work, memory, rounds);
	printf("end %s %08x %llu\n", b->name, checksum, rdtsc() - start);
}

NORETURN void bench_main(void)
{
	static const struct bench *const all[] = { wide_benches, hot_benches, system_benches };
	char only[256], number[16];
	bool some = option_value("only", only, sizeof(only));
	u32 divide = 1;

	if (option_value("divide", number, sizeof(number)) && (!parse_u32(number, &divide) || !divide)) {
		printf("divide=%s: not a number above 0\n", number);
		platform_exit(false);
	}
	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		for (const struct bench *b = all[i]; b->name; b++)
			if (!some || listed(only, b->name) || listed(only, b->group))
				run(b, divide);
	printf("done\n");
	platform_exit(true);
}

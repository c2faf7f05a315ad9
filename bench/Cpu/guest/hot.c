/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small code that runs for long: puppy's workloads, and those it has no use for. */
#include "bench.h"

#define NOINLINE __attribute__((noinline))

/* The mix of a systems program of the eighties: records, enumerations, short strings, many small procedures. */
enum colour { RED, GREEN, BLUE };

struct record {
	struct record *next;
	enum colour kind, wanted;
	s32 number;
	char text[31];
};

struct mix {
	struct record here, there;
	s32 global, row[50], table[50][50];
	char first[31], second[31];
	u32 flag;
};

static NOINLINE enum colour mix_choose(char a, char b) { return a != b ? GREEN : RED; }

static NOINLINE bool mix_later(const char *a, const char *b)
{
	u32 at = 2;

	while (at <= 2)
		if (mix_choose(a[at], b[at + 1]) == RED)
			return false;
		else
			at++;
	return strcmp(a, b) > 0;
}

static NOINLINE enum colour mix_turn(const struct mix *m, enum colour c)
{
	switch (c) {
	case RED: return m->global > 100 ? RED : BLUE;
	case GREEN: return BLUE;
	default: return GREEN;
	}
}

static NOINLINE void mix_fill(struct mix *m, s32 a, s32 b)
{
	s32 at = a + 5;

	m->row[at] = b;
	m->row[at + 1] = m->row[at];
	m->row[at + 30] = at;
	for (s32 i = at; i <= at + 1; i++)
		m->table[at][i] = at;
	m->table[at][at - 1]++;
	m->table[at + 20][at] = m->row[at];
	m->global = 5;
}

static NOINLINE void mix_copy(struct mix *m, struct record *from)
{
	struct record *next = from->next;

	*next = *from;
	from->number = 5;
	next->number = from->number;
	next->next = from->next;
	if (next->kind == RED) {
		next->number = 6;
		next->wanted = mix_turn(m, from->wanted);
		next->number += m->global + 10;
	} else {
		*from = *next;
	}
}

static u32 work_mix(u8 *memory, u32 rounds)
{
	static const char *const texts[] = { "a program of records, 1st text", "a program of records, 2nd text" };
	struct mix *m = (void *)memory;
	u32 sum = 0;

	m->here = (struct record){ .next = &m->there, .kind = RED, .wanted = BLUE, .number = 40 };
	memcpy(m->here.text, texts[0], 31);
	memcpy(m->first, texts[0], 31);
	for (u32 r = 0; r < rounds; r++) {
		s32 a = 2, b = 3, c = 0;

		memcpy(m->second, texts[1], 31);
		m->flag = !mix_later(m->first, m->second);
		while (a < b) {
			c = 5 * a - b;
			c += 7 + (s32)(r & 3);
			a++;
		}
		mix_fill(m, a, c);
		mix_copy(m, &m->here);
		for (char letter = 'A'; letter <= (char)('C' + (r & 1)); letter++)
			if (mix_choose(letter, 'C') == RED)
				m->flag++;
		b = b * a;
		a = b / (c | 1);
		b = 7 * (b - c) - a;
		sum = sum * 31 + (u32)(b + m->row[8] + m->here.next->number) + m->flag;
	}
	return crc32(sum, m->table, sizeof(m->table));
}

/* Points of the plane until they escape: double arithmetic in the x87's registers. */
static u32 work_mandelbrot(u8 *memory, u32 rounds)
{
	enum { N = 64, LIMIT = 100 };
	u32 sum = 0;

	(void)memory;
	for (u32 r = 0; r < rounds; r++)
		for (u32 y = 0; y < N; y++)
			for (u32 x = 0; x < N; x++) {
				double cr = (double)(s32)x * 3 / N - 2 + (double)(s32)r / 1024, ci = (double)(s32)y * 2 / N - 1;
				double zr = 0, zi = 0;
				u32 steps = 0;

				while (steps < LIMIT && zr * zr + zi * zi < 4) {
					double t = zr * zr - zi * zi + cr;

					zi = 2 * zr * zi + ci;
					zr = t;
					steps++;
				}
				sum = sum * 31 + steps;
			}
	return sum;
}

/* Five bodies that pull at each other: loads, stores, divisions and square roots of doubles. */
static u32 work_bodies(u8 *memory, u32 rounds)
{
	enum { N = 5 };
	struct body {
		double p[3], v[3], mass;
	} *body = (void *)memory;

	for (u32 i = 0; i < N; i++) {
		for (u32 d = 0; d < 3; d++) {
			body[i].p[d] = (double)(s32)(i * 3 + d * d * 5) + (double)(s32)(i * d) / 8;
			body[i].v[d] = (double)(s32)(d + 1) / (double)(s32)(i + 7);
		}
		body[i].mass = i ? 0.0625 : 40;
	}
	while (rounds--) {
		for (u32 i = 0; i < N; i++)
			for (u32 k = i + 1; k < N; k++) {
				struct body *a = &body[i], *b = &body[k];
				double delta[3], square = 0.015625, root, pull;

				for (u32 d = 0; d < 3; d++) {
					delta[d] = a->p[d] - b->p[d];
					square += delta[d] * delta[d];
				}
				__asm__("fsqrt" : "=t"(root) : "0"(square));
				pull = 0.001 / (square * root);
				for (u32 d = 0; d < 3; d++) {
					a->v[d] -= delta[d] * b->mass * pull;
					b->v[d] += delta[d] * a->mass * pull;
				}
			}
		for (u32 i = 0; i < N; i++)
			for (u32 d = 0; d < 3; d++)
				body[i].p[d] += 0.001 * body[i].v[d];
	}
	return crc32(0, body, N * sizeof(*body));
}

/* One load from each of many more pages than a TLB has entries. */
static u32 work_tlb(u8 *memory, u32 rounds)
{
	const u32 pages = 4096;
	u32 sum = 0;

	for (u32 i = 0; i < pages; i++)
		*(u32 *)(memory + i * PAGE_SIZE + i % 64 * 64) = i;
	while (rounds--)
		for (u32 i = 0, page = 0; i < pages; i++, page = (page + 1597) % pages)
			sum = sum * 3 + *(volatile u32 *)(memory + page * PAGE_SIZE + page % 64 * 64);
	return sum;
}

/* Blocks filled and copied, with a few bytes changed in between. */
static u32 work_rep(u8 *memory, u32 rounds)
{
	const u32 n = 256 << 10;
	u32 sum = 0;

	for (u32 r = 0; r < rounds; r++) {
		u32 *to = (u32 *)memory, *from, words = n / 4;

		__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(r * 0x01010101u) : "memory");
		for (u32 i = 0; i < n; i += 4096)
			memory[i] = (u8)(i >> 12);
		to = (u32 *)(memory + n), from = (u32 *)memory, words = n / 4;
		__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
		/* Not aligned, and by bytes. */
		words = n - 8;
		to = (u32 *)(memory + 2 * n + 1), from = (u32 *)(memory + n);
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
		sum = sum * 31 + memory[2 * n + 4097 * (r % 32)] + memory[n + 8192];
	}
	return sum;
}

const struct bench hot_benches[] = {
	{ "hot", "crc32", NULL, 800, MIB, RING_USER },
	{ "hot", "sieve", NULL, 60, MIB, RING_USER },
	{ "hot", "sort", NULL, 10, MIB, RING_USER },
	{ "hot", "matrix", NULL, 40, MIB, RING_USER },
	{ "hot", "fib", NULL, 800, MIB, RING_USER },
	{ "hot", "bytecode", NULL, 60, MIB, RING_USER },
	{ "hot", "chase", NULL, 400, MIB, RING_USER },
	{ "hot", "memory", NULL, 500, MIB, RING_USER },
	{ "hot", "divide", NULL, 200000, MIB, RING_USER },
	{ "hot", "strings", NULL, 6000, MIB, RING_USER },
	{ "hot", "mix", work_mix, 1000000, MIB, RING_USER },
	{ "hot", "float", NULL, 5, MIB, RING_USER },
	{ "hot", "mandelbrot", work_mandelbrot, 8, MIB, RING_USER },
	{ "hot", "bodies", work_bodies, 20000, MIB, RING_USER },
	/* Apart, because they show a weakness of others rather than a strength of ours. */
	{ "stress", "tlb", work_tlb, 1000, 4096 * PAGE_SIZE, RING_USER },
	{ "stress", "rep", work_rep, 600, MIB, RING_USER },
	{ NULL, NULL, NULL, 0, 0, RING_USER },
};

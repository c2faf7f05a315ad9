/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib.h"
#include "workloads.h"

#define NOINLINE __attribute__((noinline))

static u32 work_crc32(u8 *m, u32 rounds)
{
	u32 state = 1, crc = 0;

	for (u32 i = 0; i < 65536; i += 4) {
		u32 v = xorshift(&state);

		memcpy(m + i, &v, 4);
	}
	while (rounds--)
		crc = crc32(crc, m, 65536);
	return crc;
}

static u32 work_sieve(u8 *m, u32 rounds)
{
	const u32 n = 500000;
	u32 sum = 0;

	while (rounds--) {
		u32 primes = 0;

		memset(m, 1, n);
		for (u32 i = 2; i < n; i++) {
			if (!m[i])
				continue;
			primes++;
			for (u32 k = 2 * i; k < n; k += i)
				m[k] = 0;
		}
		sum = sum * 31 + primes;
	}
	return sum;
}

static u32 work_matrix(u8 *m, u32 rounds)
{
	enum { N = 128 };
	u32 (*a)[N] = (void *)m, (*b)[N] = a + N, (*c)[N] = b + N;
	u32 state = 7;

	for (u32 i = 0; i < N; i++)
		for (u32 k = 0; k < N; k++) {
			a[i][k] = xorshift(&state);
			b[i][k] = xorshift(&state);
		}
	while (rounds--) {
		for (u32 i = 0; i < N; i++)
			for (u32 k = 0; k < N; k++) {
				u32 sum = 0;

				for (u32 j = 0; j < N; j++)
					sum += a[i][j] * b[j][k];
				c[i][k] = sum;
			}
		memcpy(a, c, sizeof(u32[N][N]));
	}
	return crc32(0, c, sizeof(u32[N][N]));
}

static u32 work_float(u8 *m, u32 rounds)
{
	enum { N = 96 };
	double (*a)[N] = (void *)m, (*b)[N] = a + N, (*c)[N] = b + N;
	u32 sum = 0;

	for (u32 i = 0; i < N; i++)
		for (u32 k = 0; k < N; k++) {
			a[i][k] = (double)(i + 2 * k) / 64;
			b[i][k] = (double)(s32)(k - i) / 32;
		}
	while (rounds--)
		for (u32 i = 0; i < N; i++)
			for (u32 k = 0; k < N; k++) {
				double s = 0;

				/* All products and sums are exact, so the order of rounding cannot matter. */
				for (u32 j = 0; j < N; j++)
					s += a[i][j] * b[j][k];
				c[i][k] = s;
				sum = sum * 31 + (u32)(s32)s;
			}
	return sum;
}

typedef int (*compare_fn)(const u32 *a, const u32 *b);

static NOINLINE int ascending(const u32 *a, const u32 *b) { return *a < *b ? -1 : *a > *b; }
static NOINLINE int descending(const u32 *a, const u32 *b) { return *a > *b ? -1 : *a < *b; }
static NOINLINE int by_low_bits(const u32 *a, const u32 *b)
{
	u32 x = *a & 0xffff, y = *b & 0xffff;

	return x != y ? (x < y ? -1 : 1) : ascending(a, b);
}

static void quicksort(u32 *v, s32 low, s32 high, compare_fn compare)
{
	while (low < high) {
		u32 pivot = v[low + (high - low) / 2];
		s32 i = low, k = high;

		while (i <= k) {
			while (compare(&v[i], &pivot) < 0)
				i++;
			while (compare(&v[k], &pivot) > 0)
				k--;
			if (i <= k) {
				u32 t = v[i];

				v[i++] = v[k];
				v[k--] = t;
			}
		}
		/* Recurse into the smaller part: the depth stays logarithmic. */
		if (k - low < high - i) {
			quicksort(v, low, k, compare);
			low = i;
		} else {
			quicksort(v, i, high, compare);
			high = k;
		}
	}
}

static u32 work_sort(u8 *m, u32 rounds)
{
	static const compare_fn orders[] = { ascending, by_low_bits, descending };
	const u32 n = 20000;
	u32 *v = (u32 *)m, state = 99, sum = 0;

	while (rounds--) {
		for (u32 i = 0; i < n; i++)
			v[i] = xorshift(&state);
		for (u32 o = 0; o < ARRAY_SIZE(orders); o++) {
			quicksort(v, 0, (s32)n - 1, orders[o]);
			sum = crc32(sum, v, 4096);
		}
	}
	return sum;
}

static NOINLINE u32 fib(u32 n)
{
	__asm__ volatile("" : "+r"(n));	/* keep it a recursion */
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u32 work_fib(u8 *m, u32 rounds)
{
	u32 sum = 0;

	(void)m;
	while (rounds--)
		sum = sum * 31 + fib(22);
	return sum;
}

/* A stack machine computing Collatz lengths: an indirect jump per bytecode. */
enum op { OP_PUSH, OP_LOAD, OP_STORE, OP_ADD, OP_MUL, OP_AND, OP_SHR, OP_SUB, OP_JUMP_ZERO, OP_JUMP, OP_END };

static NOINLINE u32 interpret(const u8 *code, u32 *vars)
{
	u32 stack[16], *sp = stack, pc = 0;

	for (;;) {
		switch (code[pc++]) {
		case OP_PUSH: *sp++ = code[pc++]; break;
		case OP_LOAD: *sp++ = vars[code[pc++]]; break;
		case OP_STORE: vars[code[pc++]] = *--sp; break;
		case OP_ADD: sp--; sp[-1] += *sp; break;
		case OP_MUL: sp--; sp[-1] *= *sp; break;
		case OP_AND: sp--; sp[-1] &= *sp; break;
		case OP_SHR: sp--; sp[-1] >>= *sp & 31; break;
		case OP_SUB: sp--; sp[-1] -= *sp; break;
		case OP_JUMP_ZERO: pc = *--sp ? pc + 1 : code[pc]; break;
		case OP_JUMP: pc = code[pc]; break;
		default: return vars[1];
		}
	}
}

static u32 work_bytecode(u8 *m, u32 rounds)
{
	/* while (x - 1) { x = x & 1 ? 3 * x + 1 : x >> 1; steps++; } */
	static const u8 code[] = {
		OP_LOAD, 0, OP_PUSH, 1, OP_SUB, OP_JUMP_ZERO, 39,
		OP_LOAD, 0, OP_PUSH, 1, OP_AND, OP_JUMP_ZERO, 25,
		OP_LOAD, 0, OP_PUSH, 3, OP_MUL, OP_PUSH, 1, OP_ADD, OP_JUMP, 30, OP_END,
		OP_LOAD, 0, OP_PUSH, 1, OP_SHR,
		OP_STORE, 0, OP_LOAD, 1, OP_PUSH, 1, OP_ADD, OP_JUMP, 40,
		OP_END,
		OP_STORE, 1, OP_JUMP, 0,
	};
	u32 sum = 0;

	(void)m;
	for (u32 r = 0; r < rounds; r++)
		for (u32 x = 1; x < 300; x++) {
			u32 vars[2] = { x, 0 };

			sum = sum * 31 + interpret(code, vars);
		}
	return sum;
}

struct node {
	struct node *next;
	u32 value;
};

static u32 work_chase(u8 *m, u32 rounds)
{
	const u32 n = 65536;
	struct node *nodes = (void *)m, *at = nodes;
	u32 sum = 0;

	/* A step that shares no factor with n visits every node, far apart each time. */
	for (u32 i = 0; i < n; i++)
		nodes[i] = (struct node){ &nodes[(i + 25411) % n], i };
	for (u32 i = 0; i < rounds * n; i++) {
		sum = sum * 3 + at->value;
		at = at->next;
	}
	return sum;
}

static u32 work_memory(u8 *m, u32 rounds)
{
	const u32 n = 65536;
	volatile u32 *a = (void *)m, *b = a + n;
	u32 sum = 0;

	for (u32 r = 0; r < rounds; r++) {
		for (u32 i = 0; i < n; i++)
			a[i] = i * r;
		for (u32 i = 0; i < n; i++)
			b[n - 1 - i] += a[i];
		for (u32 i = 0; i < n; i += 3)
			sum += b[i];
	}
	return sum;
}

static u32 work_rep(u8 *m, u32 rounds)
{
	const u32 n = 256 << 10;
	u32 sum = 0;

	for (u32 r = 0; r < rounds; r++) {
		memset(m, (int)r, n);
		for (u32 i = 0; i < n; i += 4096)
			m[i] = (u8)(i >> 12);
		memcpy(m + n, m, n);
		/* Not aligned, one byte further, and backwards. */
		memcpy(m + 2 * n + 1, m + n, n - 8);
		{
			u8 *to = m + n - 1, *from = m + 3 * n - 9;
			u32 count = 4096;

			__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(count) :: "memory");
		}
		sum = sum * 31 + m[n - 4096] + m[2 * n + 4097] + m[n + 8192];
	}
	return sum;
}

static u32 work_divide(u8 *m, u32 rounds)
{
	u64 a = 0x123456789abcdefull, sum = 0;
	u32 state = 5;

	(void)m;
	while (rounds--) {
		u32 small = xorshift(&state) | 1;
		u64 large = (u64)xorshift(&state) << 12 | 0x1000000001ull;

		sum += a / small + a % small;
		sum ^= a / large + a % large;
		a = a * 6364136223846793005ull + small;
	}
	return (u32)(sum ^ sum >> 32);
}

static u32 work_strings(u8 *m, u32 rounds)
{
	char *text = (char *)m;
	u32 sum = 0;

	for (u32 i = 0; i < 4095; i++)
		text[i] = (char)('a' + i * 7 % 26);
	memcpy(text + 4096, text, 4096);
	while (rounds--) {
		const char *p = text;
		u32 found = 0, left;
		void *at = text, *other = text + 4096;

		sum = sum * 31 + strlen(text) + (u32)strcmp(text, text + 4096);
		while ((p = strchr(p, 'q'))) {
			found++;
			p++;
		}
		left = 4096;
		__asm__ volatile("repne scasb" : "+D"(at), "+c"(left) : "a"(0) : "memory", "cc");
		sum += found + left;
		left = 4096;
		at = text;
		__asm__ volatile("repe cmpsb" : "+D"(at), "+S"(other), "+c"(left) :: "memory", "cc");
		sum += left;
		text[sum % 4000] = (char)('A' + sum % 26);
		text[4096 + sum % 4000] = text[sum % 4000];
	}
	return sum;
}

const struct workload workloads[] = {
	{ "crc32", work_crc32, 300 },
	{ "sieve", work_sieve, 30 },
	{ "matrix", work_matrix, 10 },
	{ "float", work_float, 20 },
	{ "sort", work_sort, 10 },
	{ "fib", work_fib, 300 },
	{ "bytecode", work_bytecode, 40 },
	{ "chase", work_chase, 400 },
	{ "memory", work_memory, 150 },
	{ "rep", work_rep, 200 },
	{ "divide", work_divide, 80000 },
	{ "strings", work_strings, 3000 },
	{ NULL, NULL, 0 },
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The freestanding library: memory, strings, 64-bit division, checksums, number parsing. */
#include "lib.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *d = to;
	size_t words = n / 4, rest = n % 4;

	__asm__ volatile("rep movsl\n\tmovl %3, %%ecx\n\trep movsb"
			 : "+&D"(d), "+&S"(from), "+&c"(words) : "r"(rest) : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int value, size_t n)
{
	void *d = to;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s; s++)
		if (*s == (char)c)
			return (char *)s;
	return c ? NULL : (char *)s;
}

/* The compiler calls these three for / and % on u64; we link no libgcc. */
u64 __udivmoddi4(u64 n, u64 d, u64 *rest)
{
	u64 q = 0, r = 0;

	if (d >> 32 == 0) {
		/* Two chained 64:32 divisions; the first one's remainder is below d, so the second cannot overflow. */
		u32 d32 = (u32)d, hi = (u32)(n >> 32), lo = (u32)n, q_hi = hi / d32, q_lo, r_lo = hi % d32;

		__asm__("divl %4" : "=a"(q_lo), "=d"(r_lo) : "0"(lo), "1"(r_lo), "rm"(d32) : "cc");
		*rest = r_lo;
		return (u64)q_hi << 32 | q_lo;
	}
	for (int i = 63; i >= 0; i--) {
		bool carry = r >> 63;

		r = r << 1 | (n >> i & 1);
		if (carry || r >= d) {
			r -= d;
			q |= 1ull << i;
		}
	}
	*rest = r;
	return q;
}

u64 __udivdi3(u64 n, u64 d)
{
	u64 rest;

	return __udivmoddi4(n, d, &rest);
}

u64 __umoddi3(u64 n, u64 d)
{
	u64 rest;

	__udivmoddi4(n, d, &rest);
	return rest;
}

u32 crc32(u32 crc, const void *data, size_t n)
{
	static u32 table[256];
	const u8 *p = data;

	if (!table[1])
		for (u32 i = 0; i < 256; i++) {
			u32 v = i;

			for (int bit = 0; bit < 8; bit++)
				v = v & 1 ? v >> 1 ^ 0xedb88320u : v >> 1;
			table[i] = v;
		}
	crc = ~crc;
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

u32 xorshift(u32 *state)
{
	u32 x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

bool parse_u64(const char *s, u64 *value)
{
	u32 base = 10;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return false;
	for (; *s; s++) {
		u32 digit;

		if (*s >= '0' && *s <= '9')
			digit = *s - '0';
		else if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
			digit = (*s | 0x20) - 'a' + 10;
		else
			return false;
		if (digit >= base || v > (~0ull - digit) / base)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return true;
}

bool parse_u32(const char *s, u32 *value)
{
	u64 v;

	if (!parse_u64(s, &v) || v >> 32)
		return false;
	*value = (u32)v;
	return true;
}

bool parse_ip(const char *s, u32 *ip)
{
	u32 v = 0;

	for (int i = 0; i < 4; i++) {
		u32 octet = 0, digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 4; s++, digits++)
			octet = octet * 10 + (*s - '0');
		if (!digits || octet > 255 || *s != (i < 3 ? '.' : '\0'))
			return false;
		s++;
		v = v << 8 | octet;
	}
	*ip = v;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formatted printing on whatever console there is. */
#include "console.h"
#include "lib.h"

struct out {
	char *to;
	size_t size, n;
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->to[o->n++] = c;
}

static void put_padded(struct out *o, const char *s, size_t n, u32 width, bool left, char pad)
{
	if (!left)
		for (size_t i = n; i < width; i++)
			put(o, pad);
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	if (left)
		for (size_t i = n; i < width; i++)
			put(o, ' ');
}

static void put_number(struct out *o, u64 v, u32 base, bool negative, u32 width, bool left, char pad)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		text[--at] = '-';
	put_padded(o, text + at, sizeof(text) - at, width, left, pad);
}

size_t vformat(char *to, size_t size, const char *fmt, va_list args)
{
	struct out o = { to, size, 0 };

	for (; *fmt; fmt++) {
		bool left = false, wide = false;
		char pad = ' ';
		u32 width = 0;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '-')
			left = true, fmt++;
		if (*fmt == '0')
			pad = '0', fmt++;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		for (; *fmt == 'l'; fmt++)
			wide = true;
		switch (*fmt) {
		case 's': {
			const char *s = va_arg(args, const char *);

			put_padded(&o, s, strlen(s), width, left, ' ');
			break;
		}
		case 'c': {
			char c = (char)va_arg(args, int);

			put_padded(&o, &c, 1, width, left, ' ');
			break;
		}
		case 'd': {
			s64 v = wide ? va_arg(args, s64) : va_arg(args, s32);

			put_number(&o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, width, left, pad);
			break;
		}
		case 'u':
		case 'x': {
			u64 v = wide ? va_arg(args, u64) : va_arg(args, u32);

			put_number(&o, v, *fmt == 'u' ? 10 : 16, false, width, left, pad);
			break;
		}
		case 'I': {
			u32 ip = va_arg(args, u32);

			for (int shift = 24; shift >= 0; shift -= 8) {
				put_number(&o, ip >> shift & 0xff, 10, false, 0, false, ' ');
				if (shift)
					put(&o, '.');
			}
			break;
		}
		default:
			put(&o, *fmt);
		}
	}
	if (size)
		to[o.n] = '\0';
	return o.n;
}

size_t format(char *to, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = vformat(to, size, fmt, args);
	va_end(args);
	return n;
}

void printf(const char *fmt, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = vformat(line, sizeof(line), fmt, args);
	va_end(args);
	console_write(line, n);
}

void hexdump(const void *data, size_t n)
{
	const u8 *p = data;

	for (size_t row = 0; row < n; row += 16) {
		char line[80];
		size_t at = format(line, sizeof(line), "%04x ", row);
		size_t end = row + 16 < n ? row + 16 : n;

		for (size_t i = row; i < row + 16; i++)
			at += format(line + at, sizeof(line) - at, i < end ? " %02x" : "   ", i < end ? p[i] : 0);
		at += format(line + at, sizeof(line) - at, "  ");
		for (size_t i = row; i < end; i++)
			line[at++] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
		line[at] = '\0';
		printf("%s\n", line);
	}
}

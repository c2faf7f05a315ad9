/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, numbers, checksums, printing. */
#ifndef LIB_H
#define LIB_H

#include "types.h"

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

u64 __udivdi3(u64 n, u64 d);
u64 __umoddi3(u64 n, u64 d);
u64 __udivmoddi4(u64 n, u64 d, u64 *rest);

u32 crc32(u32 crc, const void *data, size_t n);
/* A small generator for test data; any seed but zero. */
u32 xorshift(u32 *state);

/* Decimal or 0x hexadecimal; false when the text is anything else or too large. */
bool parse_u64(const char *s, u64 *value);
bool parse_u32(const char *s, u32 *value);
/* Dotted quad to a number with the first octet on top. */
bool parse_ip(const char *s, u32 *ip);

/* printf subset: %s %c %d %u %x %p with '-', '0', width and ll; %I prints an IPv4 address. */
size_t vformat(char *to, size_t size, const char *fmt, va_list args);
size_t format(char *to, size_t size, const char *fmt, ...);
void printf(const char *fmt, ...);
void hexdump(const void *data, size_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where text goes: the early console until a virtio console runs, then its transmit queue. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "types.h"

struct vdev;

void console_init(void);
/* Lines go out whole; console_flush sends an unfinished one and waits until the Host has everything. */
void console_write(const char *text, size_t n);
void console_push(void);
void console_flush(void);
/* From now on poll instead of halting: the guest is dying, maybe with interrupts off. */
void console_emergency(void);
/* Halts until a character comes. */
char console_getc(void);
/* The device in use, NULL while early. */
struct vdev *console_device(void);
/* Takes the console through reset and start again; pending output first, pending input is lost. */
void console_restart(void);
/* Leaves the device to others, text goes out early, until console_init. */
void console_leave(void);

#endif

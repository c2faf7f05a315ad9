/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver side of a split virtqueue. */
#include "irq.h"
#include "virtio.h"

/* Orders our stores before our later loads as seen by a device on another processor. */
static void full_barrier(void)
{
	__asm__ volatile("lock; addl $0, (%%esp)" ::: "memory", "cc");
}

static void fill(struct vring_desc *d, const struct vbuf *buf, bool writable, bool more)
{
	d->addr = GPA(buf->data);
	d->len = buf->len;
	d->flags = (writable ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0);
}

static void publish(struct virtqueue *vq, u16 head)
{
	vq->avail->ring[vq->avail->idx % vq->num] = head;
	barrier();	/* x86 keeps stores in order */
	vq->avail->idx++;
}

int vq_add(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in)
{
	u16 head = vq->free_head, at = head;

	if (out + in > vq->free_count || out + in == 0)
		return -1;
	for (u32 i = 0; i < out + in; i++) {
		/* Free descriptors are already linked by next. */
		fill(&vq->desc[at], &bufs[i], i >= out, i + 1 < out + in);
		at = vq->desc[at].next;
	}
	vq->free_head = at;
	vq->free_count -= out + in;
	publish(vq, head);
	return head;
}

int vq_add_indirect(struct virtqueue *vq, struct vring_desc *table, const struct vbuf *bufs, u32 out, u32 in)
{
	u16 head = vq->free_head;
	struct vring_desc *d = &vq->desc[head];

	if (!vq->free_count)
		return -1;
	for (u32 i = 0; i < out + in; i++) {
		fill(&table[i], &bufs[i], i >= out, i + 1 < out + in);
		table[i].next = (u16)(i + 1);
	}
	d->addr = GPA(table);
	d->len = (out + in) * sizeof(*table);
	d->flags = DESC_INDIRECT;
	vq->free_head = d->next;
	vq->free_count--;
	publish(vq, head);
	return head;
}

void vq_kick(struct virtqueue *vq)
{
	full_barrier();
	if (!(vq->used->flags & USED_NO_NOTIFY))
		notify(vq->gpa);
}

bool vq_done(const struct virtqueue *vq)
{
	return vq->used->idx != vq->last_used;
}

int vq_take(struct virtqueue *vq, u32 *len)
{
	struct vring_used_elem *e = &vq->used->ring[vq->last_used % vq->num];
	u16 head, last;
	u32 count = 1;

	if (!vq_done(vq))
		return -1;
	barrier();
	head = (u16)e->id;
	if (len)
		*len = e->len;
	vq->last_used++;
	for (last = head; vq->desc[last].flags & DESC_NEXT; count++)
		last = vq->desc[last].next;
	vq->desc[last].next = vq->free_head;
	vq->free_head = head;
	vq->free_count += count;
	return head;
}

static bool wait_done(void *vq)
{
	return vq_done(vq);
}

bool vq_wait(struct virtqueue *vq, u32 timeout_ms)
{
	return wait_for(wait_done, vq, timeout_ms);
}

int vq_request(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in, u32 timeout_ms)
{
	u32 len;

	if (vq_add(vq, bufs, out, in) < 0)
		return -1;
	vq_kick(vq);
	if (!vq_wait(vq, timeout_ms))
		return -1;
	vq_take(vq, &len);
	return (int)len;
}

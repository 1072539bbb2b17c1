/* SPDX-License-Identifier: MIT */
/*
 * hvm_context.c - domctl: the processor state of a domain as a record stream
 *
 * A stream that is loaded is checked from end to end before anything of it takes
 * effect.  It need not be complete: what has no record stays as it is.
 */
#include "toolstack.h"
#include "../abi/save.h"

#define MAX_STREAM_ORDER 7 /* 64 vCPUs with all they can have */
#define MAX_STREAM (PAGE_SIZE << MAX_STREAM_ORDER)

struct stream {
	u8 *data;
	u32 size, pos;
};

struct record {
	u16 code, instance;
	u32 length;
	const void *body;
};

/* Space for a record; all zero.  The caller has seen to it that it fits. */
static void *stream_add(struct stream *s, u16 code, u16 instance, u32 length)
{
	struct hvm_save_descriptor desc = { code, instance, length };
	void *body = s->data + s->pos + sizeof(desc);

	memcpy(s->data + s->pos, &desc, sizeof(desc));
	memset(body, 0, length);
	s->pos += sizeof(desc) + length;
	return body;
}

static u32 stream_size(const struct domain *d)
{
	const u32 desc = sizeof(struct hvm_save_descriptor);
	u32 size = 0;

	for (unsigned int i = 0; i < VMM_RECORDS; i++)
		size += desc + vmm_record(i)->most;
	return 2 * desc + sizeof(struct hvm_save_header) + d->max_vcpus * size;
}

/* The next record, all of it inside the stream; false if it is malformed. */
static bool stream_next(struct stream *s, struct record *r)
{
	struct hvm_save_descriptor desc;

	if (s->size - s->pos < sizeof(desc))
		return false;
	memcpy(&desc, s->data + s->pos, sizeof(desc));
	s->pos += sizeof(desc);
	if (s->size - s->pos < desc.length)
		return false;
	r->code = desc.typecode;
	r->instance = desc.instance;
	r->length = desc.length;
	r->body = s->data + s->pos;
	s->pos += desc.length;
	return true;
}

static void save_domain(struct stream *s, struct domain *d)
{
	struct hvm_save_header *header;

	header = stream_add(s, HVM_SAVE_HEADER, 0, sizeof(*header));
	header->magic = HVM_FILE_MAGIC;
	header->version = HVM_FILE_VERSION;
	header->gtsc_khz = tsc_khz;
	for (unsigned int i = 0; i < VMM_RECORDS; i++) {
		const struct vmm_record *r = vmm_record(i);

		/*
		 * A vCPU that is down is started anew.  But whoever builds a
		 * guest wants to see the memory types of one that never ran.
		 */
		for (unsigned int j = 0; j < d->max_vcpus; j++)
			if (r->code == HVM_SAVE_MTRR || !d->vcpu[j]->down)
				r->get(d->vcpu[j],
				       stream_add(s, r->code, j, r->most));
	}
	stream_add(s, HVM_SAVE_END, 0, 0);
}

/* Save @d into a buffer of our own. */
static int stream_of_domain(struct stream *s, struct domain *d)
{
	if (d == current->domain || stream_size(d) > MAX_STREAM)
		return -EINVAL;
	s->data = page_alloc_order_virt(MAX_STREAM_ORDER);
	if (!s->data)
		return -ENOMEM;
	domain_pause(d);
	save_domain(s, d);
	domain_unpause(d);
	s->size = s->pos;
	s->pos = 0;
	return 0;
}

static void stream_free(struct stream *s)
{
	page_free_virt(s->data, MAX_STREAM_ORDER);
}

long domctl_get_hvm_context(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_hvmcontext *arg = &op->u.hvmcontext;
	struct stream s = { 0 };
	int err;

	if (!arg->buffer) {
		arg->size = stream_size(d);
		return 0;
	}
	err = stream_of_domain(&s, d);
	if (err)
		return err;
	if (arg->size < s.size)
		err = -ENOSPC;
	else
		err = guest_write(arg->buffer, s.data, s.size);
	arg->size = s.size;
	stream_free(&s);
	return err;
}

/* One record's body. */
long domctl_get_hvm_context_partial(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_hvmcontext_partial *arg = &op->u.hvmcontext_partial;
	struct stream s = { 0 };
	struct record r;
	int err;

	err = stream_of_domain(&s, d);
	if (err)
		return err;
	err = -ENOENT;
	while (stream_next(&s, &r)) {
		if (r.code != arg->type || r.instance != arg->instance)
			continue;
		if (arg->buffer && arg->bufsz < r.length)
			err = -ENOSPC;
		else if (arg->buffer)
			err = guest_write(arg->buffer, r.body, r.length);
		else
			err = 0;
		arg->bufsz = r.length;
		break;
	}
	stream_free(&s);
	return err;
}

/* What takes the record; NULL if nothing does, or not this one. */
static const struct vmm_record *record_taker(const struct record *r)
{
	for (unsigned int i = 0; i < VMM_RECORDS; i++) {
		const struct vmm_record *t = vmm_record(i);

		if (t->code == r->code && r->length >= t->least &&
		    r->length <= t->most && !(r->length % 8) &&
		    (!t->ok || t->ok(r->body, r->length)))
			return t;
	}
	return NULL;
}

static bool header_valid(const struct record *r)
{
	struct hvm_save_header header;

	if (r->code != HVM_SAVE_HEADER || r->instance ||
	    r->length != sizeof(header))
		return false;
	memcpy(&header, r->body, sizeof(header));
	return header.magic == HVM_FILE_MAGIC &&
	       header.version == HVM_FILE_VERSION;
}

static bool stream_valid(struct stream s, const struct domain *d)
{
	struct record r;

	if (!stream_next(&s, &r) || !header_valid(&r))
		return false;
	while (stream_next(&s, &r)) {
		if (r.code == HVM_SAVE_END)
			return !r.length;
		if (r.instance >= d->max_vcpus || !record_taker(&r)) {
			printk_guest("d%u: context record %u of vCPU %u, %u bytes: not taken",
				     d->id, r.code, r.instance, r.length);
			return false;
		}
	}
	return false;
}

static void load_domain(struct stream s, struct domain *d)
{
	struct record r;

	while (stream_next(&s, &r) && r.code != HVM_SAVE_END) {
		if (r.code == HVM_SAVE_HEADER)
			continue;
		vcpu_forget(d->vcpu[r.instance]);
		record_taker(&r)->set(d->vcpu[r.instance], r.body, r.length);
	}
}

long domctl_set_hvm_context(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_hvmcontext *arg = &op->u.hvmcontext;
	struct stream s = { .size = arg->size };
	int err;

	if (d == current->domain || d->state >= DOMAIN_DYING ||
	    arg->size > MAX_STREAM)
		return -EINVAL;
	s.data = page_alloc_order_virt(MAX_STREAM_ORDER);
	if (!s.data)
		return -ENOMEM;
	err = guest_read(s.data, arg->buffer, arg->size);
	if (!err && !stream_valid(s, d))
		err = -EINVAL;
	if (!err) {
		domain_pause(d);
		load_domain(s, d);
		domain_unpause(d);
	}
	stream_free(&s);
	return err;
}

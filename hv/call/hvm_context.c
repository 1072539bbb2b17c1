/* SPDX-License-Identifier: MIT */
/*
 * hvm_context.c - domctl: the processor state of a domain as a record stream
 *
 * A stream that is loaded is checked from end to end before anything of it takes
 * effect.  It need not be complete: what has no record stays as it is.
 */
#include "toolstack.h"
#include "../abi/save.h"

#define MAX_STREAM (256 * 1024) /* 64 vCPUs with all they can have */
#define MAX_STREAM_ORDER 6

/* Memory type registers are not modelled: guests see plain write-back memory. */
#define MTRR_TYPE_WRITE_BACK 6
#define MTRR_ENABLE (1U << 11)
#define PAT_RESET 0x0007040600070406UL

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

	return desc + sizeof(struct hvm_save_header) +
	       d->max_vcpus * (2 * desc + sizeof(struct hvm_hw_cpu) +
			       sizeof(struct hvm_hw_mtrr)) +
	       desc;
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

static void save_cpu(struct stream *s, struct vcpu *v)
{
	struct hvm_hw_cpu *cpu;

	cpu = stream_add(s, HVM_SAVE_CPU, v->id, sizeof(*cpu));
	vmm_get_context(v, cpu);
}

static void save_mtrr(struct stream *s, struct vcpu *v)
{
	struct hvm_hw_mtrr *mtrr;

	mtrr = stream_add(s, HVM_SAVE_MTRR, v->id, sizeof(*mtrr));
	mtrr->msr_pat_cr = PAT_RESET;
	mtrr->msr_mtrr_def_type = MTRR_TYPE_WRITE_BACK | MTRR_ENABLE;
}

static void save_domain(struct stream *s, struct domain *d)
{
	struct hvm_save_header *header;

	header = stream_add(s, HVM_SAVE_HEADER, 0, sizeof(*header));
	header->magic = HVM_FILE_MAGIC;
	header->version = HVM_FILE_VERSION;
	header->gtsc_khz = tsc_khz;
	/* A vCPU that never ran has no state worth telling. */
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (!d->vcpu[i]->down)
			save_cpu(s, d->vcpu[i]);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		save_mtrr(s, d->vcpu[i]);
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

/* The exact length of records that take effect, or are accepted and dropped. */
static u32 record_length(u16 code)
{
	switch (code) {
	case HVM_SAVE_CPU:
		return sizeof(struct hvm_hw_cpu);
	case HVM_SAVE_MTRR:
		return sizeof(struct hvm_hw_mtrr);
	}
	return ~0U;
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
		if (r.instance >= d->max_vcpus ||
		    r.length != record_length(r.code))
			return false;
	}
	return false;
}

static int load_domain(struct stream s, struct domain *d)
{
	struct record r;
	int err = 0;

	while (!err && stream_next(&s, &r) && r.code != HVM_SAVE_END) {
		struct vcpu *v = d->vcpu[r.instance];

		if (r.code != HVM_SAVE_CPU)
			continue;
		err = vmm_set_context(v, r.body);
		if (!err)
			vcpu_set_down(v, false);
	}
	return err;
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
		err = load_domain(s, d);
		domain_unpause(d);
	}
	stream_free(&s);
	return err;
}

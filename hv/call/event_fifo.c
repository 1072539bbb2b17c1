/* SPDX-License-Identifier: MIT */
/*
 * event_fifo.c - the FIFO ABI: a word for each port, queues for each vCPU
 *
 * Words and control blocks stand in frames of the guest's own RAM, each under a
 * reference until the domain is reset or dies.  They only appear, never go,
 * while a port is in use; so whoever holds the lock of a port that is may use
 * what he finds.
 *
 * Locks, after that of a channel: link_lock of the port, which keeps two senders
 * from linking it into two queues; then the locks of one or two queues.
 */
#include "evtchn_fifo.h"
#include "event.h"

struct fifo_queue {
	struct spinlock lock;
	struct evtchn_fifo_queue ends;
};

/* The queues of a vCPU that has a control block. */
struct fifo_vcpu {
	struct page *page;
	struct evtchn_fifo_control *control;
	struct fifo_queue queue[EVTCHN_FIFO_PRIORITIES];
};

/**
 * struct event_fifo - what a domain that chose FIFO has
 * @nr_pages: pages of words there are
 * @page: the pages; NULL behind the last
 * @vcpu: NULL for those without a control block
 */
struct event_fifo {
	u32 nr_pages;
	u32 *page[EVTCHN_FIFO_PAGES];
	struct fifo_vcpu *vcpu[MAX_VCPUS];
};

/* A port's queue as a number: 0 for none. */
static u16 queue_number(unsigned int vcpu, unsigned int priority)
{
	return 1 + vcpu * EVTCHN_FIFO_PRIORITIES + priority;
}

static struct fifo_queue *queue_of(struct event_fifo *f, u16 number)
{
	if (!number)
		return NULL;
	number--;
	return &f->vcpu[number / EVTCHN_FIFO_PRIORITIES]
			->queue[number % EVTCHN_FIFO_PRIORITIES];
}

/* The word of a port, NULL if the guest has not given one yet. */
static u32 *word_of(struct event_fifo *f, u32 port)
{
	/* Pairs with the release in fifo_expand_array(). */
	u32 *page = load_acquire(&f->page[port / EVTCHN_FIFO_PAGE_WORDS]);

	return page ? &page[port % EVTCHN_FIFO_PAGE_WORDS] : NULL;
}

/* The port is pending and not masked: let @v find it. */
static enum evtchn_sent link(struct vcpu *v, u32 port, struct evtchn *c,
			     struct vcpu_info *vi)
{
	struct event_fifo *f = v->domain->evtchn->fifo;
	unsigned int priority = READ_ONCE(c->priority);
	/* Pairs with the release in fifo_init_control(). */
	struct fifo_vcpu *fv = load_acquire(&f->vcpu[v->id]);
	struct fifo_queue *q, *old;
	enum evtchn_sent sent;

	/* Linked when there is a place for it, see rescan(). */
	if (!fv)
		return EVTCHN_MASKED;
	q = &fv->queue[priority];
	spin_lock(&c->link_lock);
	old = queue_of(f, c->queue);
	spin_lock_two(&q->lock, old ? &old->lock : &q->lock);
	sent = evtchn_fifo_link(f->page, port, &q->ends,
				old ? &old->ends : NULL,
				&fv->control->head[priority]);
	if (sent != EVTCHN_MERGED)
		c->queue = queue_number(v->id, priority);
	spin_unlock_two(&q->lock, old ? &old->lock : &q->lock);
	spin_unlock(&c->link_lock);
	if (sent != EVTCHN_UPCALL)
		return EVTCHN_QUEUED;
	return evtchn_fifo_raise(fv->control, &vi->evtchn_upcall_pending,
				 priority);
}

static enum evtchn_sent send(struct vcpu *v, u32 port, struct evtchn *c,
			     struct vcpu_info *vi)
{
	struct event_fifo *f = v->domain->evtchn->fifo;
	u32 *word = word_of(f, port);
	enum evtchn_sent sent;

	if (unlikely(!word)) {
		WRITE_ONCE(c->early, true);
		smp_mb(); /* pairs with that of fifo_expand_array() */
		word = word_of(f, port);
		if (!word)
			return EVTCHN_MASKED;
	}
	sent = evtchn_fifo_pend(word);
	return sent == EVTCHN_UPCALL ? link(v, port, c, vi) : sent;
}

static enum evtchn_sent unmask(struct vcpu *v, u32 port, struct evtchn *c,
			       struct vcpu_info *vi)
{
	u32 *word = word_of(v->domain->evtchn->fifo, port);

	if (!word || !evtchn_fifo_unmask(word))
		return EVTCHN_MERGED;
	return link(v, port, c, vi);
}

static unsigned int look(struct domain *d, u32 port, struct evtchn *c)
{
	u32 *word = word_of(d->evtchn->fifo, port);
	u32 w = word ? READ_ONCE(*word) : 0;

	return (w & EVTCHN_FIFO_PENDING || READ_ONCE(c->early) ?
			EVTCHN_PENDING : 0) |
	       (w & EVTCHN_FIFO_MASKED ? EVTCHN_MASKED_BIT : 0);
}

/* It may stay linked: the guest will find it not pending. */
static void clear(struct domain *d, u32 port, struct evtchn *c)
{
	u32 *word = word_of(d->evtchn->fifo, port);

	WRITE_ONCE(c->early, false);
	if (word)
		__atomic_fetch_and(word, ~EVTCHN_FIFO_PENDING,
				   __ATOMIC_SEQ_CST);
}

const struct evtchn_abi evtchn_fifo = {
	.max_ports = EVTCHN_FIFO_PORTS,
	.send = send,
	.unmask = unmask,
	.look = look,
	.clear = clear,
};

/*
 * Ports have got words, or a vCPU its control block: what could not be told so
 * far is told now.  The table's lock is held, so no port goes.
 */
static void rescan(struct domain *d, u32 port, u32 end)
{
	struct evtchn_table *t = d->evtchn;

	for (end = min(end, t->nr_ports); port < end; port++) {
		struct evtchn *c;

		if (!test_bit(port, t->used) || !port)
			continue;
		c = evtchn_of(d, port);
		if (__atomic_exchange_n(&c->early, false, __ATOMIC_SEQ_CST))
			evtchn_deliver(d, port, c);
		else if (!(look(d, port, c) & EVTCHN_MASKED_BIT))
			evtchn_unmask(d, port, c);
	}
}

/* From here on the domain is told by FIFO; what it had pending comes along. */
static void fifo_begin(struct domain *d, struct event_fifo *f)
{
	struct evtchn_table *t = d->evtchn;

	t->fifo = f;
	/* A sender that sees the new ABI sees what it needs... */
	store_release(&t->abi, &evtchn_fifo);
	smp_mb(); /* ...and one that does not, sends again: evtchn_deliver() */
	for (u32 port = 1; port < t->nr_ports; port++)
		if (test_bit(port, t->used) &&
		    evtchn_2l.look(d, port, NULL) & EVTCHN_PENDING)
			WRITE_ONCE(evtchn_of(d, port)->early, true);
	WRITE_ONCE(t->nr_ports, t->max_ports);
}

static struct fifo_vcpu *make_vcpu(struct domain *d, gfn_t gfn, u32 offset)
{
	struct page *pg = p2m_get_ram(d, gfn);
	struct fifo_vcpu *fv = pg ? kzalloc(sizeof(*fv)) : NULL;

	if (fv) {
		fv->page = pg;
		fv->control = (void *)((char *)page_to_virt(pg) + offset);
	} else if (pg) {
		page_put(pg);
	}
	return fv;
}

long fifo_init_control(struct domain *d, void *arg)
{
	struct evtchn_init_control *op = arg;
	struct evtchn_table *t = d->evtchn;
	struct event_fifo *f;
	struct fifo_vcpu *fv;
	long ret = -EINVAL;

	if (op->vcpu >= d->max_vcpus)
		return -ENOENT;
	if (op->offset % 8 ||
	    op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control))
		return -EINVAL;
	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	spin_lock(&t->lock);
	f = t->fifo ? t->fifo : kzalloc(sizeof(*f));
	if (!f) {
		ret = -ENOMEM;
		goto out;
	}
	fv = f->vcpu[op->vcpu] || d->state >= DOMAIN_DYING ?
		     NULL : make_vcpu(d, op->control_gfn, op->offset);
	if (!fv) {
		if (f != t->fifo)
			kfree(f);
		goto out;
	}
	store_release(&f->vcpu[op->vcpu], fv);
	if (f != t->fifo)
		fifo_begin(d, f);
	rescan(d, 0, f->nr_pages * EVTCHN_FIFO_PAGE_WORDS);
	ret = 0;
out:
	spin_unlock(&t->lock);
	return ret;
}

long fifo_expand_array(struct domain *d, void *arg)
{
	struct evtchn_expand_array *op = arg;
	struct evtchn_table *t = d->evtchn;
	struct event_fifo *f;
	struct page *pg;
	u32 first;
	long ret;

	spin_lock(&t->lock);
	f = t->fifo;
	ret = -EOPNOTSUPP;
	if (!f)
		goto out;
	first = f->nr_pages * EVTCHN_FIFO_PAGE_WORDS;
	ret = -ENOSPC;
	if (first >= t->nr_ports)
		goto out;
	ret = -EINVAL;
	pg = d->state < DOMAIN_DYING ? p2m_get_ram(d, op->array_gfn) : NULL;
	if (!pg)
		goto out;
	store_release(&f->page[f->nr_pages++], (u32 *)page_to_virt(pg));
	smp_mb(); /* pairs with that of send(): the page or the note is seen */
	rescan(d, first, first + EVTCHN_FIFO_PAGE_WORDS);
	ret = 0;
out:
	spin_unlock(&t->lock);
	return ret;
}

long fifo_set_priority(struct domain *d, void *arg)
{
	struct evtchn_set_priority *op = arg;
	struct evtchn *c = evtchn_of(d, op->port);

	if (!c || op->priority >= EVTCHN_FIFO_PRIORITIES)
		return -EINVAL;
	if (!d->evtchn->fifo)
		return -ENOSYS;
	WRITE_ONCE(c->priority, op->priority);
	return 0;
}

void fifo_release(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;
	struct event_fifo *f = t->fifo;

	for (u32 port = 1; port < t->nr_ports; port++) {
		struct evtchn *c = evtchn_of(d, port);

		if (c)
			c->queue = 0;
	}
	t->abi = evtchn_2l_of(d);
	t->nr_ports = min(t->max_ports, t->abi->max_ports);
	t->fifo = NULL;
	for (unsigned int i = 0; i < f->nr_pages; i++)
		page_put(mfn_to_page(virt_to_mfn(f->page[i])));
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		if (!f->vcpu[i])
			continue;
		page_put(f->vcpu[i]->page);
		kfree(f->vcpu[i]);
	}
	kfree(f);
}

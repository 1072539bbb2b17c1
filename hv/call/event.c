/* SPDX-License-Identifier: MIT */
/*
 * event.c - event channels: the table, delivery, virtual interrupts
 *
 * Sending is the hot path: it takes the lock of the sender's channel and
 * nothing else.  While that is held the peer cannot be unbound, since that
 * changes both ends under both locks; so neither the peer's domain nor its
 * channel needs a reference.
 */
#include "evtchn_fifo.h"
#include "event.h"

int evtchn_init(struct domain *d, u32 max_port)
{
	u32 max_ports = min(max_port, evtchn_fifo.max_ports - 1) + 1;
	u32 buckets = DIV_ROUND_UP(max_ports, EVTCHN_BUCKET);
	struct evtchn_table *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	d->evtchn = t;
	t->max_ports = max_ports;
	t->nr_ports = min(max_ports, evtchn_2l.max_ports);
	t->abi = &evtchn_2l;
	t->used = kzalloc(BITS_TO_WORDS(max_ports) * sizeof(*t->used));
	t->bucket = kzalloc(buckets * sizeof(*t->bucket));
	if (!t->used || !t->bucket)
		return -ENOMEM; /* domain_create() calls evtchn_free() */
	t->used[0] = 1; /* port 0 is "none" */
	return 0;
}

void evtchn_free(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;

	for (u32 i = 0; t->bucket && i < t->max_ports; i += EVTCHN_BUCKET)
		if (t->bucket[i / EVTCHN_BUCKET])
			page_free_virt(t->bucket[i / EVTCHN_BUCKET], 0);
	kfree(t->bucket);
	kfree(t->used);
	kfree(t);
	d->evtchn = NULL;
}

long evtchn_alloc(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;
	u32 words = BITS_TO_WORDS(t->nr_ports);
	struct evtchn *bucket;
	u32 port, i;

	/* evtchn_destroy() takes the lock after the state changed. */
	if (d->state >= DOMAIN_DYING)
		return -EINVAL;
	for (i = 0; i < words && t->used[i] == ~0ULL; i++)
		;
	if (i == words)
		return -ENOSPC;
	port = i * 64 + ffs64(~t->used[i]);
	if (port >= t->nr_ports)
		return -ENOSPC;

	if (!t->bucket[port / EVTCHN_BUCKET]) {
		bucket = page_alloc_virt();
		if (!bucket)
			return -ENOMEM;
		/* Zeroed channels first; pairs with evtchn_of(). */
		store_release(&t->bucket[port / EVTCHN_BUCKET], bucket);
	}
	t->used[i] |= 1ULL << (port % 64);
	evtchn_of(d, port)->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	return port;
}

/* Both tables' locks and the channel's are held. */
static void evtchn_release(struct domain *d, u32 port, struct evtchn *c)
{
	if (c->state == CHAN_VIRQ) {
		struct vcpu *v = d->vcpu[virq_is_global(c->virq) ? 0 : c->vcpu];

		if (v->virq_port[c->virq] == port)
			WRITE_ONCE(v->virq_port[c->virq], 0);
	}
	c->state = CHAN_FREE;
	c->vcpu = 0;
	c->peer.domain = NULL;
	c->peer.port = 0;
	d->evtchn->used[port / 64] &= ~(1ULL << (port % 64));
	d->evtchn->abi->clear(d, port, c);
}

long evtchn_close_port(struct domain *d, u32 port)
{
	struct evtchn *c = evtchn_of(d, port), *peer_chan;
	struct domain *peer;

	if (!c)
		return -EINVAL;

	spin_lock(&d->evtchn->lock);
	for (;;) {
		if (c->state == CHAN_FREE) {
			spin_unlock(&d->evtchn->lock);
			return -EINVAL;
		}
		if (c->state != CHAN_INTERDOMAIN) {
			spin_lock(&c->lock);
			evtchn_release(d, port, c);
			spin_unlock(&c->lock);
			spin_unlock(&d->evtchn->lock);
			return 0;
		}
		peer = c->peer.domain;
		if (peer == d)
			break;
		/*
		 * The peer's lock may have to be taken first.  The channel may
		 * go meanwhile and the peer with it, hence the reference; then
		 * look again.
		 */
		domain_get(peer);
		spin_unlock(&d->evtchn->lock);
		spin_lock_two(&d->evtchn->lock, &peer->evtchn->lock);
		if (c->state == CHAN_INTERDOMAIN && c->peer.domain == peer) {
			domain_put(peer);
			break;
		}
		spin_unlock(&peer->evtchn->lock);
		domain_put(peer);
	}

	peer_chan = evtchn_of(peer, c->peer.port);
	spin_lock_two(&c->lock, &peer_chan->lock);
	peer_chan->state = CHAN_UNBOUND;
	peer_chan->peer.domain = NULL;
	peer_chan->domid = d->id;
	evtchn_release(d, port, c);
	spin_unlock_two(&c->lock, &peer_chan->lock);
	spin_unlock_two(&d->evtchn->lock, &peer->evtchn->lock);
	return 0;
}

static int evtchn_close_all(struct domain *d)
{
	unsigned int closed = 0;

	for (u32 port = 1; port < d->evtchn->nr_ports; port++) {
		if (!test_bit(port, d->evtchn->used))
			continue;
		evtchn_close_port(d, port);
		if (++closed % 64 == 0 && hypercall_preempt())
			return -ERESTART;
	}
	return 0;
}

int evtchn_reset(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;
	int err = t ? evtchn_close_all(d) : 0;

	if (err || !t)
		return err;
	spin_lock(&t->lock);
	/* Whoever opens ports meanwhile makes us do it again. */
	for (u32 i = 0; i < BITS_TO_WORDS(t->nr_ports); i++)
		if (t->used[i] != (i ? 0 : 1))
			err = -ERESTART;
	if (!err && t->fifo)
		fifo_release(d);
	spin_unlock(&t->lock);
	return err;
}

static void poll_wake(struct domain *d, u32 port)
{
	struct evtchn_table *t = d->evtchn;
	u64 wake = 0, left;

	spin_lock(&t->poll_lock);
	for (left = t->pollers; left; left &= left - 1) {
		unsigned int id = ffs64(left);
		struct vcpu *v = d->vcpu[id];

		if (v->polling_ports && v->poll_port && v->poll_port != port)
			continue;
		if (v->polling_ports) {
			v->polling_ports = false;
			wake |= 1ULL << id;
		}
		t->pollers &= ~(1ULL << id);
	}
	spin_unlock(&t->poll_lock);

	for (; wake; wake &= wake - 1)
		vcpu_wake(d->vcpu[ffs64(wake)]);
}

void evtchn_poll_begin(struct vcpu *v, u32 port)
{
	struct evtchn_table *t = v->domain->evtchn;

	spin_lock(&t->poll_lock);
	v->poll_port = port;
	v->polling_ports = true;
	t->pollers |= 1ULL << v->id;
	spin_unlock(&t->poll_lock);
	/* Pairs with the barrier of the send that precedes poll_wake(). */
	smp_mb();
}

void evtchn_poll_end(struct vcpu *v)
{
	struct evtchn_table *t = v->domain->evtchn;

	spin_lock(&t->poll_lock);
	v->polling_ports = false;
	t->pollers &= ~(1ULL << v->id);
	spin_unlock(&t->poll_lock);
}

long evtchn_is_pending(struct domain *d, u32 port)
{
	struct evtchn *c = evtchn_of(d, port);
	bool pending;

	if (!c)
		return port && port < d->evtchn->nr_ports ? 0 : -EINVAL;
	spin_lock(&c->lock);
	pending = c->state != CHAN_FREE &&
		  d->evtchn->abi->look(d, port, c) & EVTCHN_PENDING;
	spin_unlock(&c->lock);
	return pending;
}

/* The upcall flag of @v went from 0 to 1. */
static void upcall(struct vcpu *v)
{
	__atomic_fetch_add(&v->domain->upcalls, 1, __ATOMIC_RELAXED);
	if (v->upcall_vector)
		vlapic_post(v, v->upcall_vector, false);
	else
		vcpu_kick(v);
}

/*
 * The vCPU may look elsewhere from now on, or was about to when an event was
 * sent to where it looked before: let it look at everything in the new place.
 * What the selector says is nothing to FIFO; that finds what is ready in the
 * control block, which does not move.
 */
static bool raise_all(struct domain *d, struct vcpu_info *vi)
{
	struct evtchn_2l words = event_2l_words(d, vi);

	return evtchn_2l_raise_all(&words);
}

/*
 * What an ABI put into @vi is for @v to see.  If vcpu_info moved meanwhile, the
 * selector bit may be in the old place only and evtchn_vcpu_info_moved() have been
 * done before the port was pending.  If it has not moved yet when read here, that
 * comes after.
 */
static void tell(struct vcpu *v, struct vcpu_info *vi, enum evtchn_sent sent)
{
	struct vcpu_info *now = READ_ONCE(v->vcpu_info);

	if (unlikely(vi != now) && raise_all(v->domain, now))
		sent = EVTCHN_UPCALL;
	if (sent == EVTCHN_UPCALL)
		upcall(v);
}

void evtchn_deliver(struct domain *d, u32 port, struct evtchn *c)
{
	struct evtchn_table *t = d->evtchn;
	const struct evtchn_abi *abi = load_acquire(&t->abi);
	struct vcpu *v = d->vcpu[READ_ONCE(c->vcpu)];
	struct vcpu_info *vi = READ_ONCE(v->vcpu_info);
	enum evtchn_sent sent;

	__atomic_fetch_add(&d->events_sent, 1, __ATOMIC_RELAXED);
	sent = abi->send(v, port, c, vi);
	/* Changed meanwhile: nobody may look at the old ABI's words any more. */
	if (unlikely(abi != READ_ONCE(t->abi))) {
		enum evtchn_sent again =
			load_acquire(&t->abi)->send(v, port, c, vi);

		/* The pending bit may be in the same place, the selector not. */
		if (raise_all(d, vi) || again == EVTCHN_UPCALL)
			sent = EVTCHN_UPCALL;
		else if (sent == EVTCHN_MERGED)
			sent = EVTCHN_QUEUED;
	}
	if (sent == EVTCHN_MERGED)
		return;
	tell(v, vi, sent);
	if (READ_ONCE(t->pollers))
		poll_wake(d, port);
}

void evtchn_unmask(struct domain *d, u32 port, struct evtchn *c)
{
	struct vcpu *v = d->vcpu[READ_ONCE(c->vcpu)];
	struct vcpu_info *vi = READ_ONCE(v->vcpu_info);
	enum evtchn_sent sent = d->evtchn->abi->unmask(v, port, c, vi);

	if (sent != EVTCHN_MERGED)
		tell(v, vi, sent);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	/* The new place is visible to senders before every port is raised. */
	smp_mb();
	if (raise_all(v->domain, v->vcpu_info))
		upcall(v);
}

long evtchn_set_layout(struct domain *d, bool shared32)
{
	struct evtchn_table *t = d->evtchn;
	const struct evtchn_abi *abi;
	long ret = 0;

	spin_lock(&t->lock);
	if (d->shared32 == shared32)
		goto out;
	abi = shared32 ? &evtchn_2l32 : &evtchn_2l;
	for (u32 i = abi->max_ports / 64; i < BITS_TO_WORDS(t->max_ports); i++)
		if (!t->fifo && t->used[i])
			ret = -EBUSY;
	if (ret)
		goto out;
	WRITE_ONCE(d->shared32, shared32);
	if (!t->fifo) {
		WRITE_ONCE(t->nr_ports, min(t->max_ports, abi->max_ports));
		/* A sender that sees the new ABI sees the new layout... */
		store_release(&t->abi, abi);
	}
	/* ...and one that does not, tells again: evtchn_deliver() */
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		evtchn_vcpu_info_moved(d->vcpu[i]);
out:
	spin_unlock(&t->lock);
	return ret;
}

long evtchn_send(struct domain *d, u32 port)
{
	struct evtchn *c = evtchn_of(d, port);
	long ret = 0;

	if (!c)
		return -EINVAL;

	spin_lock(&c->lock);
	switch (c->state) {
	case CHAN_INTERDOMAIN:
		evtchn_deliver(c->peer.domain, c->peer.port,
			       evtchn_of(c->peer.domain, c->peer.port));
		break;
	case CHAN_IPI:
		evtchn_deliver(d, port, c);
		break;
	case CHAN_UNBOUND:
		break; /* the peer has gone or is still to come: dropped */
	default:
		ret = -EINVAL;
	}
	spin_unlock(&c->lock);
	return ret;
}

void evtchn_send_virq(struct vcpu *v, u32 virq)
{
	struct domain *d = v->domain;
	u32 port = READ_ONCE(v->virq_port[virq]);
	struct evtchn *c;

	if (!port)
		return;
	c = evtchn_of(d, port);
	spin_lock(&c->lock);
	/* The port may just have been closed, and used again. */
	if (c->state == CHAN_VIRQ && c->virq == virq)
		evtchn_deliver(d, port, c);
	spin_unlock(&c->lock);
}

void evtchn_send_global_virq(u32 virq)
{
	if (dom0 && dom0->evtchn && dom0->vcpu[0])
		evtchn_send_virq(dom0->vcpu[0], virq);
}

void evtchn_dump(struct domain *d)
{
	static const char *const name[] = { "free", "unbound", "interdomain",
					    "virq", "ipi" };
	struct evtchn_table *t = d->evtchn;

	if (!t || d->state == DOMAIN_DEAD)
		return;
	spin_lock(&t->lock);
	pr_info("d%u %s event channels: port [pending masked] vcpu", d->id,
		t->fifo ? "FIFO" : "2-level");
	for (u32 port = 1; port < t->nr_ports; port++) {
		struct evtchn *c = evtchn_of(d, port);
		unsigned int look;

		if (!c || c->state == CHAN_FREE)
			continue;
		look = t->abi->look(d, port, c);
		pr_info("%5u [%u%u] %u %s d%u %u", port,
			look & EVTCHN_PENDING, look / EVTCHN_MASKED_BIT,
			c->vcpu, name[c->state],
			c->state == CHAN_INTERDOMAIN ? c->peer.domain->id :
			c->state == CHAN_UNBOUND     ? c->domid :
						       d->id,
			c->state == CHAN_INTERDOMAIN ? c->peer.port :
			c->state == CHAN_VIRQ	     ? c->virq :
						       0);
	}
	spin_unlock(&t->lock);
}

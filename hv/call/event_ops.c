/* SPDX-License-Identifier: MIT */
/* event_ops.c - the event channel hypercall */
#include "event.h"
#include "op.h"

/*
 * A port for @what; @bound, if there is one, names it, and may name only one.
 * Return: 0 and *port, or an error.
 */
static long open_port(struct domain *d, const struct evtchn *what, u32 *bound,
		      u32 *port)
{
	struct evtchn *c;
	long ret;

	spin_lock(&d->evtchn->lock);
	ret = bound && *bound ? -EEXIST : evtchn_alloc(d);
	if (ret > 0) {
		c = evtchn_of(d, ret);
		spin_lock(&c->lock);
		c->peer = what->peer; /* and what else is in the union */
		c->vcpu = what->vcpu;
		c->state = what->state;
		spin_unlock(&c->lock);
		if (bound)
			WRITE_ONCE(*bound, ret);
		*port = ret;
		ret = 0;
	}
	spin_unlock(&d->evtchn->lock);
	return ret;
}

static long op_alloc_unbound(struct domain *d, void *arg)
{
	struct evtchn_alloc_unbound *op = arg;
	struct evtchn what = {
		.state = CHAN_UNBOUND,
		.domid = op->remote_dom == DOMID_SELF ? current->domain->id :
							op->remote_dom,
	};

	return open_port(d, &what, NULL, &op->port);
}

static long op_bind_interdomain(struct domain *d, void *arg)
{
	struct evtchn_bind_interdomain *op = arg;
	struct evtchn *c, *peer_chan;
	struct domain *peer;
	long ret;

	/* Any domain may name any other: whether it may bind is the peer's say */
	peer = op->remote_dom == DOMID_SELF ? domain_get_by_id(d->id) :
	       op->remote_dom < DOMID_FIRST_RESERVED ?
					      domain_get_by_id(op->remote_dom) :
					      NULL;
	if (!peer)
		return -ESRCH;

	spin_lock_two(&d->evtchn->lock, &peer->evtchn->lock);
	peer_chan = evtchn_of(peer, op->remote_port);
	if (!peer_chan || peer_chan->state != CHAN_UNBOUND ||
	    peer_chan->domid != d->id) {
		ret = -EINVAL;
		goto out;
	}
	ret = evtchn_alloc(d);
	if (ret < 0)
		goto out;

	op->local_port = ret;
	ret = 0;
	c = evtchn_of(d, op->local_port);
	spin_lock_two(&c->lock, &peer_chan->lock);
	c->peer.domain = peer;
	c->peer.port = op->remote_port;
	c->state = CHAN_INTERDOMAIN;
	peer_chan->peer.domain = d;
	peer_chan->peer.port = op->local_port;
	peer_chan->state = CHAN_INTERDOMAIN;
	/*
	 * The peer may have sent before there was a channel, and lost it; one
	 * event too many makes up for that.
	 */
	evtchn_deliver(d, op->local_port, c);
	spin_unlock_two(&c->lock, &peer_chan->lock);
out:
	spin_unlock_two(&d->evtchn->lock, &peer->evtchn->lock);
	domain_put(peer);
	return ret;
}

static long op_bind_virq(struct domain *d, void *arg)
{
	struct evtchn_bind_virq *op = arg;
	struct evtchn what = {
		.state = CHAN_VIRQ, .vcpu = op->vcpu, .virq = op->virq
	};
	struct vcpu *v;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
		return -EINVAL;
	v = domain_vcpu(d, op->vcpu);
	if (!v)
		return -ENOENT;
	return open_port(d, &what, &v->virq_port[op->virq], &op->port);
}

static long op_bind_ipi(struct domain *d, void *arg)
{
	struct evtchn_bind_ipi *op = arg;
	struct evtchn what = { .state = CHAN_IPI, .vcpu = op->vcpu };

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	return open_port(d, &what, NULL, &op->port);
}

static long op_status(struct domain *d, void *arg)
{
	struct evtchn_status *op = arg;
	struct evtchn *c;

	memset(&op->u, 0, sizeof(op->u));
	op->status = EVTCHNSTAT_closed;
	op->vcpu = 0;
	if (op->port == 0 || op->port >= d->evtchn->nr_ports)
		return -EINVAL;
	c = evtchn_of(d, op->port); /* none: no port near it was ever used */
	if (c) {
		spin_lock(&c->lock);
		op->vcpu = c->vcpu;
		switch (c->state) {
		case CHAN_UNBOUND:
			op->status = EVTCHNSTAT_unbound;
			op->u.unbound.dom = c->domid;
			break;
		case CHAN_INTERDOMAIN:
			op->status = EVTCHNSTAT_interdomain;
			op->u.interdomain.dom = c->peer.domain->id;
			op->u.interdomain.port = c->peer.port;
			break;
		case CHAN_VIRQ:
			op->status = EVTCHNSTAT_virq;
			op->u.virq = c->virq;
			break;
		case CHAN_IPI:
			op->status = EVTCHNSTAT_ipi;
			break;
		}
		spin_unlock(&c->lock);
	}
	return 0;
}

static long op_bind_vcpu(struct domain *d, void *arg)
{
	struct evtchn_bind_vcpu *op = arg;
	struct evtchn *c;
	long ret = 0;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	c = evtchn_of(d, op->port);
	if (!c)
		return -EINVAL;

	spin_lock(&c->lock);
	switch (c->state) {
	case CHAN_VIRQ:
		if (!virq_is_global(c->virq)) {
			ret = -EINVAL;
			break;
		}
		/* fall through */
	case CHAN_UNBOUND:
	case CHAN_INTERDOMAIN:
		WRITE_ONCE(c->vcpu, op->vcpu);
		break;
	default:
		ret = -EINVAL;
	}
	spin_unlock(&c->lock);
	return ret;
}

static long op_unmask(struct domain *d, void *arg)
{
	struct evtchn_port_op *op = arg;
	struct evtchn *c = evtchn_of(d, op->port);

	if (!c)
		return -EINVAL;
	spin_lock(&c->lock);
	if (c->state != CHAN_FREE)
		evtchn_unmask(d, op->port, c);
	spin_unlock(&c->lock);
	return 0;
}

static long op_send(struct domain *d, void *arg)
{
	struct evtchn_port_op *op = arg;

	return evtchn_send(d, op->port);
}

static long op_close(struct domain *d, void *arg)
{
	struct evtchn_port_op *op = arg;

	return evtchn_close_port(d, op->port);
}

static long op_reset(struct domain *d, void *)
{
	/* The toolstack resets a domain that cannot allocate meanwhile. */
	if (d != current->domain && !d->toolstack_paused)
		return -EINVAL;
	return evtchn_reset(d);
}

/* By the caller for itself, or for the domain the argument names. */
#define OWN(op, fn, type, flags)                                           \
	[EVTCHNOP_##op] = { fn, sizeof(struct evtchn_##type), OP_OWN_DOMAIN, \
			    flags }
#define NAMED(op, flags)                                                \
	[EVTCHNOP_##op] = { op_##op, sizeof(struct evtchn_##op),        \
			    offsetof(struct evtchn_##op, dom), flags }

static const struct call_op ops[] = {
	OWN(bind_interdomain, op_bind_interdomain, bind_interdomain, OP_ANSWERS),
	OWN(bind_virq, op_bind_virq, bind_virq, OP_ANSWERS),
	OWN(close, op_close, port_op, 0),
	OWN(send, op_send, port_op, 0),
	NAMED(status, OP_ANSWERS),
	NAMED(alloc_unbound, OP_ANSWERS),
	OWN(bind_ipi, op_bind_ipi, bind_ipi, OP_ANSWERS),
	OWN(bind_vcpu, op_bind_vcpu, bind_vcpu, 0),
	OWN(unmask, op_unmask, port_op, 0),
	NAMED(reset, 0),
	OWN(init_control, fifo_init_control, init_control, OP_ANSWERS),
	OWN(expand_array, fifo_expand_array, expand_array, 0),
	OWN(set_priority, fifo_set_priority, set_priority, 0),
};

long call_event_channel_op(struct hypercall *hc)
{
	u64 cmd = hc->arg[0];

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	return op_serve(&ops[cmd], hc->arg[1]);
}

/* SPDX-License-Identifier: MIT */
/*
 * event_ops.c - the event channel hypercall
 *
 * An operation's argument is read before it is called and, if the operation has
 * something to answer, written back after; that cannot fail any more.
 */
#include "evtchn_fifo.h"
#include "event.h"

union event_op {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_status status;
	struct evtchn_port_op port;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

static long op_alloc_unbound(union event_op *arg)
{
	struct evtchn_alloc_unbound *op = &arg->alloc_unbound;
	struct domain *d;
	long ret = 0;

	d = domain_for_call(op->dom, &ret);
	if (!d)
		return ret;

	spin_lock(&d->evtchn->lock);
	ret = evtchn_alloc(d);
	if (ret > 0) {
		struct evtchn *c = evtchn_of(d, ret);

		op->port = ret;
		spin_lock(&c->lock);
		c->domid = op->remote_dom == DOMID_SELF ? current->domain->id :
							  op->remote_dom;
		c->state = CHAN_UNBOUND;
		spin_unlock(&c->lock);
	}
	spin_unlock(&d->evtchn->lock);
	domain_put(d);
	return min(ret, 0L);
}

static long op_bind_interdomain(union event_op *arg)
{
	struct domain *d = current->domain, *peer;
	struct evtchn *c, *peer_chan;
	struct evtchn_bind_interdomain *op = &arg->bind_interdomain;
	long ret;

	/* Any domain may name any other: whether it may bind is the peer's say */
	peer = op->remote_dom == DOMID_SELF ? domain_get_by_id(d->id) :
	       op->remote_dom < DOMID_FIRST_RESERVED ?
					      domain_get_by_id(op->remote_dom) :
					      NULL;
	if (!peer)
		return -ESRCH;

	evtchn_lock_two(d, peer);
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
	evtchn_lock_ends(c, peer_chan);
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
	evtchn_unlock_ends(c, peer_chan);
out:
	evtchn_unlock_two(d, peer);
	domain_put(peer);
	return ret;
}

static struct vcpu *own_vcpu(u32 id)
{
	struct domain *d = current->domain;

	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static long op_bind_virq(union event_op *arg)
{
	struct domain *d = current->domain;
	struct evtchn_bind_virq *op = &arg->bind_virq;
	struct evtchn *c;
	struct vcpu *v;
	long ret;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
		return -EINVAL;
	v = own_vcpu(op->vcpu);
	if (!v)
		return -ENOENT;

	spin_lock(&d->evtchn->lock);
	ret = v->virq_port[op->virq] ? -EEXIST : evtchn_alloc(d);
	if (ret > 0) {
		op->port = ret;
		c = evtchn_of(d, op->port);
		spin_lock(&c->lock);
		c->virq = op->virq;
		c->vcpu = op->vcpu;
		c->state = CHAN_VIRQ;
		spin_unlock(&c->lock);
		WRITE_ONCE(v->virq_port[op->virq], op->port);
	}
	spin_unlock(&d->evtchn->lock);
	return min(ret, 0L);
}

static long op_bind_ipi(union event_op *arg)
{
	struct domain *d = current->domain;
	struct evtchn_bind_ipi *op = &arg->bind_ipi;
	struct evtchn *c;
	long ret;

	if (!own_vcpu(op->vcpu))
		return -ENOENT;

	spin_lock(&d->evtchn->lock);
	ret = evtchn_alloc(d);
	if (ret > 0) {
		op->port = ret;
		c = evtchn_of(d, op->port);
		spin_lock(&c->lock);
		c->vcpu = op->vcpu;
		c->state = CHAN_IPI;
		spin_unlock(&c->lock);
	}
	spin_unlock(&d->evtchn->lock);
	return min(ret, 0L);
}

static long op_status(union event_op *arg)
{
	struct evtchn_status *op = &arg->status;
	struct evtchn *c;
	struct domain *d;
	long ret = 0;

	d = domain_for_call(op->dom, &ret);
	if (!d)
		return ret;

	memset(&op->u, 0, sizeof(op->u));
	op->status = EVTCHNSTAT_closed;
	op->vcpu = 0;
	if (op->port == 0 || op->port >= d->evtchn->nr_ports) {
		domain_put(d);
		return -EINVAL;
	}
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
	domain_put(d);
	return 0;
}

static long op_bind_vcpu(union event_op *arg)
{
	struct domain *d = current->domain;
	struct evtchn_bind_vcpu *op = &arg->bind_vcpu;
	struct evtchn *c;
	long ret = 0;

	if (!own_vcpu(op->vcpu))
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

static long op_unmask(union event_op *arg)
{
	struct domain *d = current->domain;
	struct evtchn *c = evtchn_of(d, arg->port.port);

	if (!c)
		return -EINVAL;
	spin_lock(&c->lock);
	if (c->state != CHAN_FREE)
		evtchn_unmask(d, arg->port.port, c);
	spin_unlock(&c->lock);
	return 0;
}

static long op_init_control(union event_op *arg)
{
	struct evtchn_init_control *op = &arg->init_control;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return fifo_init_control(current->domain, op->vcpu, op->control_gfn,
				 op->offset);
}

static long op_expand_array(union event_op *arg)
{
	return fifo_expand_array(current->domain, arg->expand_array.array_gfn);
}

static long op_set_priority(union event_op *arg)
{
	struct evtchn_set_priority *op = &arg->set_priority;
	struct evtchn *c = evtchn_of(current->domain, op->port);

	if (!c || op->priority >= EVTCHN_FIFO_PRIORITIES)
		return -EINVAL;
	if (!current->domain->evtchn->fifo)
		return -ENOSYS;
	WRITE_ONCE(c->priority, op->priority);
	return 0;
}

static long op_send(union event_op *arg)
{
	return evtchn_send(current->domain, arg->port.port);
}

static long op_close(union event_op *arg)
{
	return evtchn_close_port(current->domain, arg->port.port);
}

static long op_reset(union event_op *arg)
{
	struct evtchn_reset *op = &arg->reset;
	struct domain *d;
	long ret = 0;

	d = domain_for_call(op->dom, &ret);
	if (!d)
		return ret;
	/* The toolstack resets a domain that cannot allocate meanwhile. */
	if (d != current->domain && !d->toolstack_paused)
		ret = -EINVAL;
	else
		ret = evtchn_reset(d);
	domain_put(d);
	return ret;
}

#define OP(name, type, answer) \
	[EVTCHNOP_##name] = { op_##name, sizeof(struct evtchn_##type), answer }

static const struct {
	long (*fn)(union event_op *arg);
	u8 size;
	bool answers;
} ops[] = {
	OP(bind_interdomain, bind_interdomain, true),
	OP(bind_virq, bind_virq, true),
	OP(close, port_op, false),
	OP(send, port_op, false),
	OP(status, status, true),
	OP(alloc_unbound, alloc_unbound, true),
	OP(bind_ipi, bind_ipi, true),
	OP(bind_vcpu, bind_vcpu, false),
	OP(unmask, port_op, false),
	OP(reset, reset, false),
	OP(init_control, init_control, true),
	OP(expand_array, expand_array, false),
	OP(set_priority, set_priority, false),
};

long call_event_channel_op(struct hypercall *hc)
{
	u64 cmd = hc->arg[0], gva = hc->arg[1];
	struct guest_area area;
	union event_op arg;
	long ret;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	if (!ops[cmd].answers)
		return guest_read(&arg, gva, ops[cmd].size) ? -EFAULT :
							      ops[cmd].fn(&arg);
	if (guest_area_get(&area, gva, ops[cmd].size))
		return -EFAULT;
	guest_area_read(&area, &arg, ops[cmd].size);
	ret = ops[cmd].fn(&arg);
	if (!ret)
		guest_area_write(&area, 0, &arg, ops[cmd].size);
	guest_area_put(&area);
	return ret;
}

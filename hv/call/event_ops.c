/* SPDX-License-Identifier: MIT */
/* event_ops.c - the event channel hypercall */
#include "event.h"

static long op_alloc_unbound(u64 gva)
{
	struct evtchn_alloc_unbound op;
	struct domain *d;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.dom, &ret);
	if (!d)
		return ret;

	spin_lock(&d->evtchn->lock);
	ret = evtchn_alloc(d);
	if (ret > 0) {
		struct evtchn *c = evtchn_of(d, ret);

		op.port = ret;
		spin_lock(&c->lock);
		c->domid = op.remote_dom == DOMID_SELF ? current->domain->id :
							 op.remote_dom;
		c->state = CHAN_UNBOUND;
		spin_unlock(&c->lock);
	}
	spin_unlock(&d->evtchn->lock);
	domain_put(d);
	if (ret < 0)
		return ret;

	return guest_write(gva, &op, sizeof(op));
}

static long op_bind_interdomain(u64 gva)
{
	struct domain *d = current->domain, *peer;
	struct evtchn *c, *peer_chan;
	struct evtchn_bind_interdomain op;
	long ret;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	/* Any domain may name any other: whether it may bind is the peer's say */
	peer = op.remote_dom == DOMID_SELF	      ? domain_get_by_id(d->id) :
	       op.remote_dom < DOMID_FIRST_RESERVED ?
						  domain_get_by_id(op.remote_dom) :
						  NULL;
	if (!peer)
		return -ESRCH;

	evtchn_lock_two(d, peer);
	peer_chan = evtchn_of(peer, op.remote_port);
	if (!peer_chan || peer_chan->state != CHAN_UNBOUND ||
	    peer_chan->domid != d->id) {
		ret = -EINVAL;
		goto out;
	}
	ret = evtchn_alloc(d);
	if (ret < 0)
		goto out;

	op.local_port = ret;
	ret = 0;
	c = evtchn_of(d, op.local_port);
	evtchn_lock_ends(c, peer_chan);
	c->peer.domain = peer;
	c->peer.port = op.remote_port;
	c->state = CHAN_INTERDOMAIN;
	peer_chan->peer.domain = d;
	peer_chan->peer.port = op.local_port;
	peer_chan->state = CHAN_INTERDOMAIN;
	/*
	 * The peer may have sent before there was a channel, and lost it; one
	 * event too many makes up for that.
	 */
	evtchn_deliver(d, op.local_port, c->vcpu);
	evtchn_unlock_ends(c, peer_chan);
out:
	evtchn_unlock_two(d, peer);
	domain_put(peer);
	return ret ? ret : guest_write(gva, &op, sizeof(op));
}

static struct vcpu *own_vcpu(u32 id)
{
	struct domain *d = current->domain;

	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static long op_bind_virq(u64 gva)
{
	struct domain *d = current->domain;
	struct evtchn_bind_virq op;
	struct evtchn *c;
	struct vcpu *v;
	long ret;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.virq >= NR_VIRQS || (virq_is_global(op.virq) && op.vcpu != 0))
		return -EINVAL;
	v = own_vcpu(op.vcpu);
	if (!v)
		return -ENOENT;

	spin_lock(&d->evtchn->lock);
	ret = v->virq_port[op.virq] ? -EEXIST : evtchn_alloc(d);
	if (ret > 0) {
		op.port = ret;
		c = evtchn_of(d, op.port);
		spin_lock(&c->lock);
		c->virq = op.virq;
		c->vcpu = op.vcpu;
		c->state = CHAN_VIRQ;
		spin_unlock(&c->lock);
		WRITE_ONCE(v->virq_port[op.virq], op.port);
	}
	spin_unlock(&d->evtchn->lock);
	return ret < 0 ? ret : guest_write(gva, &op, sizeof(op));
}

static long op_bind_ipi(u64 gva)
{
	struct domain *d = current->domain;
	struct evtchn_bind_ipi op;
	struct evtchn *c;
	long ret;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (!own_vcpu(op.vcpu))
		return -ENOENT;

	spin_lock(&d->evtchn->lock);
	ret = evtchn_alloc(d);
	if (ret > 0) {
		op.port = ret;
		c = evtchn_of(d, op.port);
		spin_lock(&c->lock);
		c->vcpu = op.vcpu;
		c->state = CHAN_IPI;
		spin_unlock(&c->lock);
	}
	spin_unlock(&d->evtchn->lock);
	return ret < 0 ? ret : guest_write(gva, &op, sizeof(op));
}

static long op_status(u64 gva)
{
	struct evtchn_status op;
	struct evtchn *c;
	struct domain *d;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.dom, &ret);
	if (!d)
		return ret;

	memset(&op.u, 0, sizeof(op.u));
	op.status = EVTCHNSTAT_closed;
	op.vcpu = 0;
	if (op.port == 0 || op.port >= d->evtchn->nr_ports) {
		domain_put(d);
		return -EINVAL;
	}
	c = evtchn_of(d, op.port); /* none: no port near it was ever used */
	if (c) {
		spin_lock(&c->lock);
		op.vcpu = c->vcpu;
		switch (c->state) {
		case CHAN_UNBOUND:
			op.status = EVTCHNSTAT_unbound;
			op.u.unbound.dom = c->domid;
			break;
		case CHAN_INTERDOMAIN:
			op.status = EVTCHNSTAT_interdomain;
			op.u.interdomain.dom = c->peer.domain->id;
			op.u.interdomain.port = c->peer.port;
			break;
		case CHAN_VIRQ:
			op.status = EVTCHNSTAT_virq;
			op.u.virq = c->virq;
			break;
		case CHAN_IPI:
			op.status = EVTCHNSTAT_ipi;
			break;
		}
		spin_unlock(&c->lock);
	}
	domain_put(d);
	return guest_write(gva, &op, sizeof(op));
}

static long op_bind_vcpu(u64 gva)
{
	struct domain *d = current->domain;
	struct evtchn_bind_vcpu op;
	struct evtchn *c;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (!own_vcpu(op.vcpu))
		return -ENOENT;
	c = evtchn_of(d, op.port);
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
		WRITE_ONCE(c->vcpu, op.vcpu);
		break;
	default:
		ret = -EINVAL;
	}
	spin_unlock(&c->lock);
	return ret;
}

static long op_unmask(u64 gva)
{
	struct domain *d = current->domain;
	struct evtchn_port_op op;
	struct evtchn *c;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	c = evtchn_of(d, op.port);
	if (!c)
		return -EINVAL;
	evtchn_unmask(d, op.port, READ_ONCE(c->vcpu));
	return 0;
}

static long op_reset(u64 gva)
{
	struct evtchn_reset op;
	struct domain *d;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.dom, &ret);
	if (!d)
		return ret;
	/* The toolstack resets a domain that cannot allocate meanwhile. */
	if (d != current->domain && !d->toolstack_paused)
		ret = -EINVAL;
	else
		ret = evtchn_close_all(d);
	domain_put(d);
	return ret;
}

long call_event_channel_op(struct hypercall *hc)
{
	struct domain *d = current->domain;
	u64 gva = hc->arg[1];
	struct evtchn_port_op op;

	switch (hc->arg[0]) {
	case EVTCHNOP_send:
		if (guest_read(&op, gva, sizeof(op)))
			return -EFAULT;
		return evtchn_send(d, op.port);
	case EVTCHNOP_close:
		if (guest_read(&op, gva, sizeof(op)))
			return -EFAULT;
		return evtchn_close_port(d, op.port);
	case EVTCHNOP_unmask:
		return op_unmask(gva);
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(gva);
	case EVTCHNOP_bind_virq:
		return op_bind_virq(gva);
	case EVTCHNOP_bind_ipi:
		return op_bind_ipi(gva);
	case EVTCHNOP_bind_vcpu:
		return op_bind_vcpu(gva);
	case EVTCHNOP_status:
		return op_status(gva);
	case EVTCHNOP_alloc_unbound:
		return op_alloc_unbound(gva);
	case EVTCHNOP_reset:
		return op_reset(gva);
	}
	return -ENOSYS;
}

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tenon-prim.c - what the primitives of a hypervisor cost
 *
 * Load it in a guest first: it measures what a domain can alone and leaves
 * pages granted and a channel open to dom0.  Then load it in dom0 with domid=,
 * port= and grefs= as the guest printed them, for what takes two.  Each line is
 * a primitive and the mean of every batch in nanoseconds; whoever reads them
 * takes the median, so that one interruption does not count.
 *
 * It runs on Tenon and on Xen, and only for as long as insmod takes.
 */
#define pr_fmt(fmt) "tenon-prim: " fmt

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/interface/version.h>
#include <xen/page.h>
#include <xen/xen.h>

#include <asm/xen/hypercall.h>

#include "batches.h"

#define NR_PAGES 32
#define SLEEP_US 2000
#define EVENT_TIMEOUT_NS (2 * NSEC_PER_SEC)

static int domid = -1;
module_param(domid, int, 0);
MODULE_PARM_DESC(domid, "the guest to measure with; none: this is that guest");
static unsigned int port;
module_param(port, uint, 0);
MODULE_PARM_DESC(port, "the guest's open channel");
static unsigned int grefs[NR_PAGES];
static int nr_grefs;
module_param_array(grefs, uint, &nr_grefs, 0);
MODULE_PARM_DESC(grefs, "the guest's granted pages");
static bool shared;
module_param(shared, bool, 0);
MODULE_PARM_DESC(shared, "the guest is on this CPU: sleep for its answers");

/**
 * struct prim_chan - one end of an event channel
 * @port: where to notify the other end; 0 if there is none
 * @irq: of this end, or negative
 * @answers: an event is answered with one
 * @hits: events so far
 * @hit_ns: when the last one came
 */
struct prim_chan {
	evtchn_port_t port;
	int irq;
	bool answers;
	int hits;
	u64 hit_ns;
};

static struct prim_chan prim_chan = { .irq = -1 };
static struct page *prim_pages[NR_PAGES];
static grant_ref_t prim_refs[NR_PAGES];
static unsigned int prim_granted;

static int prim_hypercall(unsigned int n)
{
	while (n--)
		if (HYPERVISOR_xen_version(XENVER_version, NULL) <= 0)
			return -EIO;
	return 0;
}

static irqreturn_t prim_interrupt(int irq, void *data)
{
	struct prim_chan *ch = data;

	if (ch->answers) {
		notify_remote_via_evtchn(ch->port);
		return IRQ_HANDLED;
	}
	WRITE_ONCE(ch->hit_ns, ktime_get_ns());
	/* Pairs with the acquire in prim_await(): hit_ns is of this event. */
	smp_store_release(&ch->hits, ch->hits + 1);
	return IRQ_HANDLED;
}

/* Asleep where the CPU is wanted by whoever will send the event. */
static int prim_await(const struct prim_chan *ch, int hits)
{
	u64 end = ktime_get_ns() + EVENT_TIMEOUT_NS;

	/* Pairs with the release in prim_interrupt(). */
	while (smp_load_acquire(&ch->hits) == hits) {
		if (ktime_get_ns() > end)
			return -ETIMEDOUT;
		if (!shared) {
			cpu_relax();
			continue;
		}
		local_irq_disable();
		if (READ_ONCE(ch->hits) == hits)
			safe_halt();
		else
			local_irq_enable();
	}
	return 0;
}

/* From sending an event to its handler; to another domain, there and back. */
static int prim_event(unsigned int n)
{
	while (n--) {
		int err, hits = READ_ONCE(prim_chan.hits);
		u64 start = ktime_get_ns();

		notify_remote_via_evtchn(prim_chan.port);
		err = prim_await(&prim_chan, hits);
		if (err)
			return err;
		batches_spent += READ_ONCE(prim_chan.hit_ns) - start;
	}
	return 0;
}

static int prim_sleep(unsigned int n)
{
	while (n--) {
		u64 start = ktime_get_ns();

		usleep_range(SLEEP_US, SLEEP_US);
		batches_spent += ktime_get_ns() - start - SLEEP_US * NSEC_PER_USEC;
	}
	return 0;
}

static void prim_close(evtchn_port_t port)
{
	struct evtchn_close op = { .port = port };

	HYPERVISOR_event_channel_op(EVTCHNOP_close, &op);
}

static int prim_open(domid_t remote, evtchn_port_t *port)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
					   .remote_dom = remote };
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &op);

	*port = op.port;
	return err;
}

static int prim_connect(domid_t remote, evtchn_port_t remote_port,
			evtchn_port_t *port)
{
	struct evtchn_bind_interdomain op = { .remote_dom = remote,
					      .remote_port = remote_port };
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &op);

	*port = op.local_port;
	return err;
}

/* Handle the events of a port; it is closed with the handler. */
static int prim_handle(evtchn_port_t local, evtchn_port_t notify, bool answers)
{
	prim_chan.port = notify;
	prim_chan.answers = answers;
	prim_chan.irq = bind_evtchn_to_irqhandler(local, prim_interrupt, 0,
						  KBUILD_MODNAME, &prim_chan);
	if (prim_chan.irq >= 0)
		return 0;
	prim_close(local);
	return prim_chan.irq;
}

static void prim_unhandle(void)
{
	if (prim_chan.irq >= 0)
		unbind_from_irqhandler(prim_chan.irq, &prim_chan);
	prim_chan.irq = -1;
}

/* A channel from this domain to itself, on one CPU. */
static void prim_event_self(void)
{
	evtchn_port_t far, near;
	int err = prim_open(DOMID_SELF, &far);

	if (err) {
		pr_info("event.self failed: %d\n", err);
		return;
	}
	err = prim_connect(DOMID_SELF, far, &near);
	if (!err)
		err = prim_handle(near, far, false);
	if (err)
		pr_info("event.self failed: %d\n", err);
	else
		batches_run("event.self", 50, prim_event);
	prim_unhandle();
	prim_close(far);
}

/* Revoke what was granted; a page that dom0 still has is left to it. */
static void prim_revoke(void)
{
	while (prim_granted--) {
		if (gnttab_end_foreign_access_ref(prim_refs[prim_granted])) {
			gnttab_free_grant_reference(prim_refs[prim_granted]);
			__free_page(prim_pages[prim_granted]);
		} else {
			pr_warn("dom0 still has a page\n");
		}
	}
	prim_granted = 0;
}

static int prim_grant(void)
{
	for (; prim_granted < NR_PAGES; prim_granted++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		int ref;

		if (!page)
			return -ENOMEM;
		ref = gnttab_grant_foreign_access(0, xen_page_to_gfn(page), 0);
		if (ref < 0) {
			__free_page(page);
			return ref;
		}
		prim_pages[prim_granted] = page;
		prim_refs[prim_granted] = ref;
	}
	return 0;
}

/* In the guest: measure, then leave pages and a channel open to dom0. */
static int prim_guest(void)
{
	char line[NR_PAGES * 11 + 1];
	unsigned int i, len = 0;
	evtchn_port_t local;
	int err;

	batches_run("hypercall", 500, prim_hypercall);
	prim_event_self();
	batches_run("timer.late", 10, prim_sleep);

	err = prim_open(0, &local);
	if (!err)
		err = prim_handle(local, local, true);
	if (!err)
		err = prim_grant();
	if (err) {
		prim_revoke();
		prim_unhandle();
		return err;
	}
	for (i = 0; i < prim_granted; i++)
		len += scnprintf(line + len, sizeof(line) - len, "%s%u",
				 i ? "," : "", prim_refs[i]);
	pr_info("port=%u grefs=%s\n", local, line);
	return 0;
}

static int prim_map(unsigned int nr)
{
	static struct gnttab_map_grant_ref map[NR_PAGES];
	static struct gnttab_unmap_grant_ref unmap[NR_PAGES];
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++)
		gnttab_set_map_op(&map[i],
				  (unsigned long)page_address(prim_pages[i]),
				  GNTMAP_host_map, grefs[i], domid);
	err = gnttab_map_refs(map, NULL, prim_pages, nr);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		if (map[i].status)
			return -EIO;
		gnttab_set_unmap_op(&unmap[i],
				    (unsigned long)page_address(prim_pages[i]),
				    GNTMAP_host_map, map[i].handle);
	}
	return gnttab_unmap_refs(unmap, NULL, prim_pages, nr);
}

static int prim_map_one(unsigned int n)
{
	int err = 0;

	while (n-- && !err)
		err = prim_map(1);
	return err;
}

static int prim_copy(unsigned int nr, struct page *into)
{
	static struct gnttab_copy copy[NR_PAGES];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		copy[i] = (struct gnttab_copy) {
			.source.u.ref = grefs[i],
			.source.domid = domid,
			.dest.u.gmfn = xen_page_to_gfn(into),
			.dest.domid = DOMID_SELF,
			.len = XEN_PAGE_SIZE,
			.flags = GNTCOPY_source_gref,
		};
	}
	gnttab_batch_copy(copy, nr);
	for (i = 0; i < nr; i++)
		if (copy[i].status)
			return -EIO;
	return 0;
}

static struct page *prim_into;

static int prim_copy_one(unsigned int n)
{
	int err = 0;

	while (n-- && !err)
		err = prim_copy(1, prim_into);
	return err;
}

static int prim_copy_all(unsigned int n)
{
	return prim_copy(n, prim_into);
}

/* In dom0: what takes two domains. */
static int prim_dom0(void)
{
	evtchn_port_t local;
	int err;

	if (nr_grefs != NR_PAGES)
		return -EINVAL;
	if (!shared)
		batches_run("dom0.hypercall", 500, prim_hypercall);
	err = prim_connect(domid, port, &local);
	if (!err)
		err = prim_handle(local, local, false);
	if (err)
		pr_info("event.round_trip failed: %d\n", err);
	else
		batches_run(shared ? "event.round_trip_same_cpu" :
				     "event.round_trip",
			    50, prim_event);
	prim_unhandle();
	if (shared)
		return 0;

	prim_into = alloc_page(GFP_KERNEL);
	if (!prim_into)
		return -ENOMEM;
	batches_run("grant.copy.1", 200, prim_copy_one);
	batches_run("grant.copy.32", NR_PAGES, prim_copy_all);
	__free_page(prim_into);
	err = gnttab_alloc_pages(NR_PAGES, prim_pages);
	if (err)
		return err;
	batches_run("grant.map_unmap.1", 50, prim_map_one);
	batches_run("grant.map_unmap.32", NR_PAGES, prim_map);
	gnttab_free_pages(NR_PAGES, prim_pages);
	return 0;
}

static int __init prim_init(void)
{
	if (!xen_domain())
		return -ENODEV;
	return domid < 0 ? prim_guest() : prim_dom0();
}
module_init(prim_init);

static void __exit prim_exit(void)
{
	prim_unhandle();
	prim_revoke();
}
module_exit(prim_exit);

MODULE_DESCRIPTION("Costs of a hypervisor's primitives");
MODULE_LICENSE("Dual MIT/GPL");

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * liar.h - a back end that lies, whatever it serves
 *
 * It takes devices that have no driver, follows front ends that come and go, and
 * lies in the way that its module parameter names.
 */
#ifndef LIAR_H
#define LIAR_H

#include <linux/workqueue.h>
#include <xen/xenbus.h>

/**
 * struct liar - one device; the first member of what a kind keeps for it
 * @dev: xenbus device
 * @connected: the front end's rings are mapped
 * @irq: event channel
 * @work: answers
 */
struct liar {
	struct xenbus_device *dev;
	bool connected;
	int irq;
	struct work_struct work;
};

/**
 * struct liar_kind - what a liar of one kind does
 * @driver: its name and the devices it takes
 * @size: of what it keeps for a device
 * @shown: the state in which a front end has shown its rings
 * @offer: writes what there is to offer
 * @map: maps the rings
 * @unmap: unmaps those that are mapped
 * @connect: writes what a front end reads when it is connected; may be NULL
 * @answer: answers, from the work queue
 * @closing: whether to follow a front end that closes; NULL is never
 */
struct liar_kind {
	struct xenbus_driver driver;
	size_t size;
	enum xenbus_state shown;
	void (*offer)(struct liar *l);
	int (*map)(struct liar *l);
	void (*unmap)(struct liar *l);
	void (*connect)(struct liar *l);
	void (*answer)(struct liar *l);
	bool (*closing)(struct liar *l);
};

/* A module has one. */
extern struct liar_kind liar_kind;

bool lying(const char *how);
void liar_write(struct liar *l, const char *key, const char *value);
unsigned int liar_read(struct liar *l, const char *key);

#endif /* LIAR_H */

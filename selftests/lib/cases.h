/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * cases.h - a front end that breaks rules, one test case each
 *
 * The cases run when the module is loaded, on every device that has no driver
 * (unbind it first), and report in the kernel log in TAP.  After each a sound
 * request must still be served, over a new connection: a hostile peer harms
 * itself only.
 *
 * What a connection is (struct link), and what in xenstore can be wrong about
 * it (struct link_keys), a module defines itself.
 */
#ifndef CASES_H
#define CASES_H

#include <linux/printk.h>
#include <xen/xenbus.h>

struct link;
struct link_keys;

/**
 * struct hostile_case - one test
 * @name: what is wrong
 * @fn: does it, once connected; may be NULL
 * @keys: what to get wrong when connecting; NULL is nothing
 * @refused: the back end must not connect
 */
struct hostile_case {
	const char *name;
	void (*fn)(struct link *l);
	const struct link_keys *keys;
	bool refused;
};

#define KEYS(...) (&(const struct link_keys){ __VA_ARGS__ })

/**
 * struct cases_kind - the front end of one kind of device
 * @driver: its name and the devices it takes
 * @cases: what it tries
 * @number: how many these are
 * @size: of a link
 * @sound: nothing wrong
 * @setup: prepares a link
 * @cleanup: undoes that, also if it failed half way
 * @connect: offers rings; true if the back end has connected
 * @disconnect: closes, ready to connect again; true if the back end followed
 * @send_sound: sends a sound request; true if it is served
 */
struct cases_kind {
	struct xenbus_driver driver;
	const struct hostile_case *cases;
	unsigned int number;
	size_t size;
	const struct link_keys *sound;
	int (*setup)(struct link *l, struct xenbus_device *dev);
	void (*cleanup)(struct link *l);
	bool (*connect)(struct link *l, const struct link_keys *keys);
	bool (*disconnect)(struct link *l);
	bool (*send_sound)(struct link *l);
};

/* A module has one. */
extern struct cases_kind cases_kind;

extern bool case_failed;

/* Fails the case, which goes on. */
#define EXPECT(c)                                                              \
	do {                                                                   \
		if (!(c)) {                                                    \
			pr_info("# %s:%d: %s\n", __func__, __LINE__, #c);      \
			case_failed = true;                                    \
		}                                                              \
	} while (0)

#endif /* CASES_H */

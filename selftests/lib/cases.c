// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cases.c - a front end that breaks rules: its devices, and how a case runs
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "cases.h"

/* Something the case expects is not so. */
bool case_failed;

static void cases_run_one(struct link *l, const struct hostile_case *c)
{
	bool connected;

	case_failed = false;
	connected = cases_kind.connect(l, c->keys ?: cases_kind.sound);
	EXPECT(connected != c->refused);
	if (connected && c->fn)
		c->fn(l);
	EXPECT(cases_kind.disconnect(l));
	/* And then somebody decent comes along. */
	EXPECT(cases_kind.connect(l, cases_kind.sound));
	if (!case_failed)
		EXPECT(cases_kind.send_sound(l));
	EXPECT(cases_kind.disconnect(l));
}

static int cases_run(struct device *dev, void *unused)
{
	struct link *l = dev_get_drvdata(dev);
	unsigned int i, failures = 0;

	xenbus_switch_state(to_xenbus_device(dev), XenbusStateInitialising);
	case_failed = false;
	EXPECT(cases_kind.disconnect(l));
	pr_info("1..%u\n", cases_kind.number);
	for (i = 0; i < cases_kind.number; i++) {
		cases_run_one(l, &cases_kind.cases[i]);
		pr_info("%sok %u - %s\n", case_failed ? "not " : "", i + 1,
			cases_kind.cases[i].name);
		failures += case_failed;
	}
	pr_info("# %u of %u failed\n", failures, cases_kind.number);
	return 0;
}

static void cases_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	/* The cases look for themselves. */
}

static int cases_probe(struct xenbus_device *dev,
		       const struct xenbus_device_id *id)
{
	struct link *l = kzalloc(cases_kind.size, GFP_KERNEL);
	int err;

	if (!l)
		return -ENOMEM;
	dev_set_drvdata(&dev->dev, l);
	err = cases_kind.setup(l, dev);
	if (err) {
		cases_kind.cleanup(l);
		kfree(l);
	}
	return err;
}

static void cases_remove(struct xenbus_device *dev)
{
	struct link *l = dev_get_drvdata(&dev->dev);

	cases_kind.cleanup(l);
	kfree(l);
}

static int __init cases_init(void)
{
	struct xenbus_driver *driver = &cases_kind.driver;
	int err;

	driver->probe = cases_probe;
	driver->remove = cases_remove;
	driver->otherend_changed = cases_changed;
	err = xenbus_register_frontend(driver);
	if (err)
		return err;
	return driver_for_each_device(&driver->driver, NULL, NULL, cases_run);
}
module_init(cases_init);

static void __exit cases_exit(void)
{
	xenbus_unregister_driver(&cases_kind.driver);
}
module_exit(cases_exit);

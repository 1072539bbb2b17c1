/* SPDX-License-Identifier: MIT */
/* version.c - hypercall 17: what this hypervisor is and offers */
#include "../abi/version.h"
#include "arg.h"
#include "options.h"

/* The version of Xen whose ABI this is, not our own. */
#define ABI_MAJOR 4
#define ABI_MINOR 17

/* What the tools may build; a PVH guest starts in 32-bit mode. */
static const char capabilities[] =
	"hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";

/* Fixed-size strings of the ABI: the rest of the buffer is zero. */
static long give_string(u64 gva, const char *s, size_t size)
{
	char buf[1024] = { 0 };

	BUG_ON(size > sizeof(buf));
	strlcpy(buf, s, size);
	return guest_write(gva, buf, size);
}

static long op_compile_info(u64 gva)
{
	struct xen_compile_info info = {
		.compiler = "gcc " __VERSION__,
		.compile_by = "tenon",
	};

	return guest_write(gva, &info, sizeof(info));
}

static u32 features(const struct domain *d)
{
	u32 map = 1U << XENFEAT_writable_page_tables |
		  1U << XENFEAT_auto_translated_physmap |
		  1U << XENFEAT_hvm_callback_vector |
		  1U << XENFEAT_hvm_safe_pvclock;

	/* dom0's own RAM stands at gfn == mfn. */
	if (d == dom0)
		return map | 1U << XENFEAT_dom0 | 1U << XENFEAT_direct_mapped;
	return map | 1U << XENFEAT_not_direct_mapped;
}

static long op_get_features(const struct domain *d, u64 gva)
{
	struct xen_feature_info info;

	if (guest_read(&info, gva, sizeof(info)))
		return -EFAULT;
	if (info.submap_idx != 0)
		return -EINVAL;
	info.submap = features(d);
	return guest_write(gva, &info, sizeof(info));
}

long call_xen_version(struct hypercall *hc)
{
	struct domain *d = current->domain;
	struct xen_platform_parameters params = { 0 };
	u64 gva = hc->arg[1];

	switch (hc->arg[0]) {
	case XENVER_version:
		return ABI_MAJOR << 16 | ABI_MINOR;
	case XENVER_extraversion:
		return give_string(gva, ".0-tenon", XEN_EXTRAVERSION_LEN);
	case XENVER_compile_info:
		return op_compile_info(gva);
	case XENVER_capabilities:
		return give_string(gva, capabilities,
				   XEN_CAPABILITIES_INFO_LEN);
	case XENVER_changeset:
		return give_string(gva, "tenon", XEN_CHANGESET_INFO_LEN);
	case XENVER_platform_parameters:
		return arg_write(gva, &params, sizeof(params),
				 MEMBERS_platform_parameters);
	case XENVER_get_features:
		return op_get_features(d, gva);
	case XENVER_pagesize:
		return gva ? -EINVAL : (long)PAGE_SIZE;
	case XENVER_guest_handle:
		return guest_write(gva, d->handle, sizeof(d->handle));
	case XENVER_commandline:
		return give_string(gva, d->privileged ? opt.cmdline : "<denied>",
				   XEN_COMMANDLINE_LEN);
	case XENVER_build_id:
		return -ENODATA;
	}
	return -ENOSYS;
}

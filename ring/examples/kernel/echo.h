/* SPDX-License-Identifier: MIT */
/* echo.h - what the kernel echo pair says over its ring */
#ifndef EXAMPLE_ECHO_H
#define EXAMPLE_ECHO_H

#include "ring.h"

#define ECHO_BYTES 4096

struct echo_req {
	u64 id;
	u64 word;
};

struct echo_rsp {
	u64 id;
	u64 word; /* all bits inverted */
};

RING_DEFINE(echo, struct echo_req, struct echo_rsp);

#endif /* EXAMPLE_ECHO_H */

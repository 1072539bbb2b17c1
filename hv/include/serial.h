/* SPDX-License-Identifier: MIT */
/* serial.h - the 16550 the hypervisor keeps for its console */
#ifndef HV_SERIAL_H
#define HV_SERIAL_H

#include "types.h"

/* COM1 as console (console=com1); until then output is dropped. */
void serial_init(void);
bool serial_owned(void);
void serial_write(const char *s, size_t len);
/* One received byte, or -1. */
int serial_read(void);

#define SERIAL_PORT 0x3f8
#define SERIAL_NR_PORTS 8

/* x86/console.c: poll for input from now on (boot CPU, timers work). */
void console_input_init(void);

/* printk.c: tell dom0 (VIRQ_CON_RING) if the console ring has grown. */
void console_ring_notify(void);

#endif /* HV_SERIAL_H */

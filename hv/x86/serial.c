/* SPDX-License-Identifier: MIT */
/* serial.c - 16550 UART on COM1, polled */
#include "asm.h"
#include "lib.h"
#include "serial.h"

#define UART_DATA (SERIAL_PORT + 0)
#define UART_IER (SERIAL_PORT + 1)
#define UART_FCR (SERIAL_PORT + 2)
#define UART_LCR (SERIAL_PORT + 3)
#define UART_MCR (SERIAL_PORT + 4)
#define UART_LSR (SERIAL_PORT + 5)

#define LCR_DLAB 0x80
#define LCR_8N1 0x03
#define FCR_ENABLE_CLEAR 0x07
#define MCR_DTR_RTS 0x03
#define LSR_RX_READY BIT(0)
#define LSR_TX_EMPTY BIT(5)

/* A line without a listener must not stop the machine. */
#define TX_SPINS 100000

static bool serial_on;

bool serial_owned(void)
{
	return serial_on;
}

void serial_init(void)
{
	outb(UART_IER, 0);
	outb(UART_LCR, LCR_DLAB);
	outb(UART_DATA, 1); /* 115200 */
	outb(UART_IER, 0);
	outb(UART_LCR, LCR_8N1);
	outb(UART_FCR, FCR_ENABLE_CLEAR);
	outb(UART_MCR, MCR_DTR_RTS);
	/* Nothing answers at the port of an absent UART. */
	serial_on = inb(UART_LSR) != 0xff;
}

static void serial_put(char c)
{
	for (unsigned int i = 0; i < TX_SPINS; i++) {
		if (inb(UART_LSR) & LSR_TX_EMPTY)
			break;
		cpu_relax();
	}
	outb(UART_DATA, c);
}

void serial_write(const char *s, size_t len)
{
	if (!serial_on)
		return;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			serial_put('\r');
		serial_put(s[i]);
	}
}

int serial_read(void)
{
	if (!serial_on || !(inb(UART_LSR) & LSR_RX_READY))
		return -1;
	return inb(UART_DATA);
}

/* SPDX-License-Identifier: MIT */
/* idt_stubs.S - the entry of each of the 256 vectors */

	.text
	.altmacro
	.macro stub vec
	.balign 16
	/* Vectors for which the processor pushes an error code. */
	.if \vec == 8 || (\vec >= 10 && \vec <= 14) || \vec == 17 || \vec == 21 || \vec == 29 || \vec == 30
	.else
	push $0
	.endif
	push $\vec
	jmp idt_common
	.endm

	.balign 16
	.globl idt_stubs
idt_stubs:
	.set i, 0
	.rept 256
	stub %i
	.set i, i + 1
	.endr

idt_common:
	cld
	/* As struct frame has them. */
	.irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	push %\reg
	.endr
	mov %rsp, %rdi
	call idt_handle
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	pop %\reg
	.endr
	add $16, %rsp
	iretq

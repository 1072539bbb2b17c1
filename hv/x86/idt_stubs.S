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
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	call idt_handle
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

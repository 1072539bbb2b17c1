/* SPDX-License-Identifier: MIT */
/*
 * vmrun.S - into the guest and back
 *
 * void vmrun_enter(u64 vmcb, struct guest_regs *regs, u64 host_vmcb)
 *
 * GIF is clear around VMRUN, so nothing comes between our last look at what is
 * pending and the guest; IF is set, since with virtual interrupt masking it is
 * the host's IF that lets physical interrupts end guest mode.  rax, rsp, rip
 * and rflags are in the VMCB.
 */
#define REG_RCX 8
#define REG_RDX 16
#define REG_RBX 24
#define REG_RBP 40
#define REG_RSI 48
#define REG_RDI 56
#define REG_R(n) 8 * n /* r8..r15 */

	.text
	.globl vmrun_enter
vmrun_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdx
	push %rsi

	clgi
	sti
	mov %rdi, %rax
	mov REG_RCX(%rsi), %rcx
	mov REG_RDX(%rsi), %rdx
	mov REG_RBX(%rsi), %rbx
	mov REG_RBP(%rsi), %rbp
	mov REG_RDI(%rsi), %rdi
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov REG_R(\n)(%rsi), %r\n
	.endr
	mov REG_RSI(%rsi), %rsi

	vmload %rax
	vmrun %rax
	.globl vmrun_return
vmrun_return:
	vmsave %rax

	/* rax is the host's again and free; the stack is too. */
	pop %rax
	mov %rcx, REG_RCX(%rax)
	mov %rdx, REG_RDX(%rax)
	mov %rbx, REG_RBX(%rax)
	mov %rbp, REG_RBP(%rax)
	mov %rsi, REG_RSI(%rax)
	mov %rdi, REG_RDI(%rax)
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, REG_R(\n)(%rax)
	.endr
	pop %rax
	vmload %rax
	cli
	stgi

	/* No guest value stays where speculation could use it. */
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

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
#define REG_R8 64
#define REG_R9 72
#define REG_R10 80
#define REG_R11 88
#define REG_R12 96
#define REG_R13 104
#define REG_R14 112
#define REG_R15 120

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
	mov REG_R8(%rsi), %r8
	mov REG_R9(%rsi), %r9
	mov REG_R10(%rsi), %r10
	mov REG_R11(%rsi), %r11
	mov REG_R12(%rsi), %r12
	mov REG_R13(%rsi), %r13
	mov REG_R14(%rsi), %r14
	mov REG_R15(%rsi), %r15
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
	mov %r8, REG_R8(%rax)
	mov %r9, REG_R9(%rax)
	mov %r10, REG_R10(%rax)
	mov %r11, REG_R11(%rax)
	mov %r12, REG_R12(%rax)
	mov %r13, REG_R13(%rax)
	mov %r14, REG_R14(%rax)
	mov %r15, REG_R15(%rax)
	pop %rax
	vmload %rax
	cli
	stgi

	/* No guest value stays where speculation could use it. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

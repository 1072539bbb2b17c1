/* SPDX-License-Identifier: MIT */
/* head.S - from the PVH entry point to C, trap stubs, ring 3 and second CPUs */

#define CR0_PE		(1 << 0)
#define CR0_WP		(1 << 16)
#define CR0_PG		(1 << 31)
#define CR4_PAE		(1 << 5)
#define MSR_EFER	0xc0000080
#define EFER_LME_NXE	((1 << 8) | (1 << 11))

#define PTE_P_RW_US	0x7
#define PTE_PS		0x80

#define CODE64		0x08
#define DATA		0x10
#define USER_DATA	0x23
#define USER_CODE	0x1b

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18		/* PHYS32_ENTRY */
	.asciz "Xen"
	.long entry32

	.section .text.head, "ax"
	.code32
	.globl entry32
entry32:
	cld
	cli
	movl %ebx, start_info_paddr
	lgdt gdt_pointer
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss

	/* 4 GiB at gva == gpa by 2 MiB leaves; page 0 stays out: see below. */
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $(PTE_P_RW_US | PTE_PS), %eax
	movl %eax, pds(, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	/* The first 2 MiB by pages, but NULL points to nothing. */
	movl $1, %ecx
2:	movl %ecx, %eax
	shll $12, %eax
	orl $PTE_P_RW_US, %eax
	movl %eax, low_pt(, %ecx, 8)
	incl %ecx
	cmpl $512, %ecx
	jne 2b
	movl $(low_pt + PTE_P_RW_US), pds

	movl $boot_stack_top, %esp
	call enter_long_mode
	ljmp $CODE64, $3f

	/* 32-bit code, protected mode: paging on, still in a 32-bit segment. */
enter_long_mode:
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl %cr0, %eax
	orl $(CR0_PG | CR0_WP | CR0_PE), %eax
	movl %eax, %cr0
	ret

	.code64
3:	movq $boot_stack_top, %rsp
	lidt idt_pointer
	call main
	ud2

	/* Traps: a stub each, 16 bytes, the vector and an error code pushed. */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if (vector != 8) && (vector != 17) && (vector != 21) && \
		((vector < 10) || (vector > 14)) && (vector != 29) && (vector != 30)
	push $0
	.endif
	push $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
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
	cld
	movq %rsp, %rdi
	call trap
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
	addq $16, %rsp
	iretq

	/* What a function of C keeps. */
	.macro keep_push
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm
	.macro keep_pop
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

	/*
	 * u64 user_call(u64 code, u64 stack, u64 rax): run code in ring 3 until
	 * its int 0x80, return the rax it has then.
	 */
	.globl user_call, user_return
user_call:
	keep_push
	movq %rsp, user_kernel_rsp(%rip)
	movq %rdx, %rax
	pushq $USER_DATA
	pushq %rsi
	pushq $2		/* rflags: interrupts off, IOPL 0 */
	pushq $USER_CODE
	pushq %rdi
	iretq
user_return:
	movq user_kernel_rsp(%rip), %rsp
	keep_pop
	ret

	/* What ring 3 runs: a hypercall, or what the caller wants to see fault. */
	.section .user, "ax"
	.globl user_hypercall
user_hypercall:
	vmmcall
	int $0x80

	/*
	 * u64 hypercall32(u64 nr, const u32 *args, u64 cr3): call as 32-bit code,
	 * with other page tables, in which this is mapped, too.  What stands
	 * above bit 31 of a register is not there for such code.
	 */
	.text
	.globl hypercall32
hypercall32:
	keep_push
	movq %rsp, narrow_rsp(%rip)
	movq %cr3, %rax
	movq %rax, narrow_cr3(%rip)
	movq %rdx, %cr3
	movl %edi, %eax
	movl (%rsi), %ebx
	movl 4(%rsi), %ecx
	movl 8(%rsi), %edx
	movl 16(%rsi), %edi
	movl 12(%rsi), %esi
	btsq $32, %rax
	btsq $33, %rbx
	btsq $34, %rcx
	btsq $35, %rdx
	ljmp *narrow_entry(%rip)
	.code32
narrow_call:
	vmmcall
	ljmp $CODE64, $5f
	.code64
5:	movq narrow_cr3(%rip), %rcx
	movq %rcx, %cr3
	movq narrow_rsp(%rip), %rsp
	keep_pop
	movslq %eax, %rax
	ret

	.data
	.balign 8
narrow_entry:
	.long narrow_call
	.word 0x30
	.balign 8
narrow_rsp:
	.quad 0
narrow_cr3:
	.quad 0

	/*
	 * Second CPUs start here, copied to AP_TRAMPOLINE (page 8): real mode,
	 * cs = page << 8.
	 */
	.section .rodata
	.globl ap_trampoline, ap_trampoline_end
	.balign 16
	.code16
ap_trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl (ap_gdt_pointer - ap_trampoline)
	movl %cr0, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $0x30, $ap_entry32
ap_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
ap_trampoline_end:

	.section .text.head, "ax"
	.code32
ap_entry32:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $ap_stack_top, %esp
	call enter_long_mode
	ljmp $CODE64, $4f
	.code64
4:	movq $ap_stack_top, %rsp
	lidt idt_pointer
	call ap_main
5:	cli
	hlt
	jmp 5b

	.data
	.balign 16
	.globl gdt
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08 code, 64-bit */
	.quad 0x00cf93000000ffff	/* 0x10 data */
	.quad 0x00affb000000ffff	/* 0x18 user code, 64-bit */
	.quad 0x00cff3000000ffff	/* 0x20 user data */
	.quad 0				/* 0x28 unused */
	.quad 0x00cf9b000000ffff	/* 0x30 code, 32-bit */
	.quad 0, 0			/* 0x38 TSS, filled by trap_init() */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.long 0
	.globl idt_pointer
idt_pointer:
	.word 256 * 16 - 1
	.quad idt

	.balign 4096
	.globl pml4
pml4:	.quad pdpt + PTE_P_RW_US
	.fill 511, 8, 0
pdpt:	.quad pds + PTE_P_RW_US
	.quad pds + 4096 + PTE_P_RW_US
	.quad pds + 8192 + PTE_P_RW_US
	.quad pds + 12288 + PTE_P_RW_US
	.fill 508, 8, 0

	.bss
	.balign 4096
	.globl low_pt
pds:	.skip 4 * 4096
low_pt:	.skip 4096
	.globl boot_stack_top, trap_stack_top, idt
	.skip 16384
boot_stack_top:
	.skip 16384
trap_stack_top:
	.skip 16384
ap_stack_top:
idt:	.skip 4096
	.globl start_info_paddr
start_info_paddr:
	.long 0, 0
user_kernel_rsp:
	.quad 0

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * head.S - from a multiboot loader, or an AP's trampoline, to 64-bit C
 *
 * The early page tables map the first 4 GiB at their own address with 2 MiB
 * pages; paging.c replaces them.
 */
#include "../x86/asm.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* page-aligned modules, memory map */

#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_LENGTH (multiboot2_end - multiboot2)
#define MB2_TAG_MODULE_ALIGN 6

#define PTE_TABLE 0x3 /* present, writable */
#define PTE_2M 0x83

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.balign 8
multiboot2:
	.long MULTIBOOT2_MAGIC
	.long 0 /* i386, as it starts */
	.long MULTIBOOT2_LENGTH
	.long -(MULTIBOOT2_MAGIC + MULTIBOOT2_LENGTH)
	.short MB2_TAG_MODULE_ALIGN, 0
	.long 8
	.short 0, 0 /* no more tags */
	.long 8
multiboot2_end:

	.section .text.boot, "ax"
	.code32
	.globl head_start
head_start:
	cli
	cld
	lgdt head_gdt_ptr
	ljmp $SEL_CODE32, $1f
1:	mov $SEL_DATA, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	mov %ecx, %ss
	mov $head_stack_top, %esp
	mov %eax, %ebp /* loader's magic */
	mov %ebx, %esi /* multiboot information */

	/* The loader has zeroed .bss; fill the early page tables in it. */
	mov $head_pdpt + PTE_TABLE, %eax
	mov %eax, head_pml4
	mov $head_pd + PTE_TABLE, %eax
	xor %ecx, %ecx
2:	mov %eax, head_pdpt(, %ecx, 8)
	add $0x1000, %eax
	inc %ecx
	cmp $4, %ecx
	jb 2b
	mov $PTE_2M, %eax
	xor %ecx, %ecx
3:	mov %eax, head_pd(, %ecx, 8)
	add $0x200000, %eax
	inc %ecx
	cmp $4 * 512, %ecx
	jb 3b

	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb head_no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc head_no_long_mode

	mov $head_pml4, %eax
	call head_long_mode
	ljmp $SEL_CODE64, $head_64

/* Without 64-bit mode nothing of ours runs: there is no console yet either. */
head_no_long_mode:
	cli
	hlt
	jmp head_no_long_mode

/* Turn paging and long mode on; eax is the page table root. */
head_long_mode:
	mov %eax, %cr3
	mov $CR4_PSE | CR4_PAE | CR4_PGE, %eax
	mov %eax, %cr4
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME | EFER_NXE, %eax
	wrmsr
	mov $CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE, %eax
	mov %eax, %cr0
	ret

/* An AP, from the trampoline, in flat 32-bit mode. */
	.globl head_ap_start
head_ap_start:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $head_stack_top, %esp /* for one call; the boot CPU has left it */
	mov head_ap_cr3, %eax
	call head_long_mode
	ljmp $SEL_CODE64, $head_ap_64

	.code64
head_64:
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $boot_stack_top, %rsp
	mov %ebp, %edi
	mov %esi, %esi
	xor %ebp, %ebp
	call boot_main
	ud2

head_ap_64:
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov head_ap_stack, %rsp
	mov head_ap_cpu, %rdi
	xor %ebp, %ebp
	call smp_ap_main
	ud2

/*
 * The trampoline, copied below 1 MiB: an AP starts here in real mode with CS
 * pointing at it.  It uses nothing but what is in this page.
 */
	.section .rodata
	.code16
	.globl trampoline_start, trampoline_end
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt_ptr - trampoline_start
	mov $CR0_PE | CR0_ET, %eax
	mov %eax, %cr0
	ljmpl $SEL_CODE32, $head_ap_start
	.balign 4
trampoline_gdt_ptr:
	.word head_gdt_end - head_gdt - 1
	.long head_gdt
trampoline_end:

	.balign 16
	.globl head_gdt
head_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cf9b000000ffff /* 32-bit code */
head_gdt_end:
head_gdt_ptr:
	.word head_gdt_end - head_gdt - 1
	.long head_gdt

	.section .bss.boot, "aw", @nobits
	.balign 4096
head_pml4:
	.skip 4096
head_pdpt:
	.skip 4096
head_pd:
	.skip 4 * 4096

	.bss
	.skip 256
head_stack_top:
	.balign 4096
boot_stack:
	.skip 16384
	.globl boot_stack_top
boot_stack_top:
	/* What the next AP to start takes: root of the page table, stack, CPU. */
	.globl head_ap_cr3, head_ap_stack, head_ap_cpu
head_ap_cr3:
	.skip 8
head_ap_stack:
	.skip 8
head_ap_cpu:
	.skip 8

/* SPDX-License-Identifier: MIT */
/*
 * elf.c - the parts of a PVH kernel's ELF file that matter for loading it
 *
 * A pure function on a buffer: nothing in the file is trusted, and nothing
 * outside @size is read.
 */
#include "boot.h"
#include "../abi/elfnote.h"

#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4
#define MAX_PHDRS 64

struct elf64_ehdr {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	u32 namesz, descsz, type;
};

static bool in_file(u64 offset, u64 len, u64 size)
{
	return offset <= size && len <= size - offset;
}

/* Look for the PVH entry point among the notes in [p, p + len). */
static bool elf_find_entry(const u8 *p, u64 len, u32 *entry)
{
	while (len >= sizeof(struct elf_note)) {
		struct elf_note n;
		u64 name_len, desc_len;

		memcpy(&n, p, sizeof(n));
		p += sizeof(n);
		len -= sizeof(n);
		name_len = ALIGN_UP((u64)n.namesz, 4);
		desc_len = ALIGN_UP((u64)n.descsz, 4);
		if (name_len > len || desc_len > len - name_len)
			return false;
		if (n.type == XEN_ELFNOTE_PHYS32_ENTRY &&
		    n.namesz == sizeof(XEN_ELFNOTE_NAME) && n.descsz >= 4 &&
		    !memcmp(p, XEN_ELFNOTE_NAME, n.namesz)) {
			memcpy(entry, p + name_len, 4);
			return true;
		}
		p += name_len + desc_len;
		len -= name_len + desc_len;
	}
	return false;
}

static const char *elf_add_segment(const struct elf64_phdr *ph, u64 size,
				   struct elf_image *out)
{
	struct elf_segment *s;

	if (!ph->memsz)
		return NULL;
	if (ph->filesz > ph->memsz || !in_file(ph->offset, ph->filesz, size))
		return "a segment lies outside the file";
	if (ph->paddr + ph->memsz < ph->paddr ||
	    ph->paddr + ph->memsz > FOUR_GIB)
		return "a segment lies outside the first 4 GiB";
	if (out->nr_segments == ELF_MAX_SEGMENTS)
		return "too many segments";
	s = &out->segment[out->nr_segments++];
	s->paddr = ph->paddr;
	s->memsz = ph->memsz;
	s->offset = ph->offset;
	s->filesz = ph->filesz;
	out->start = min(out->start, s->paddr);
	out->end = max(out->end, s->paddr + s->memsz);
	return NULL;
}

const char *elf_parse(const void *file, u64 size, struct elf_image *out)
{
	static const u8 ident[] = { 0x7f, 'E', 'L', 'F', 2, 1 };
	const u8 *base = file;
	struct elf64_ehdr eh;
	bool found = false;

	memset(out, 0, sizeof(*out));
	out->start = ~0ULL;
	if (size < sizeof(eh))
		return "too short for an ELF file";
	memcpy(&eh, base, sizeof(eh));
	if (memcmp(eh.ident, ident, sizeof(ident)))
		return "not a 64-bit ELF file";
	if (eh.machine != EM_X86_64 ||
	    (eh.type != ET_EXEC && eh.type != ET_DYN))
		return "not an x86-64 executable";
	if (eh.phentsize != sizeof(struct elf64_phdr) || eh.phnum > MAX_PHDRS ||
	    !in_file(eh.phoff, (u64)eh.phnum * eh.phentsize, size))
		return "bad program headers";

	for (unsigned int i = 0; i < eh.phnum; i++) {
		struct elf64_phdr ph;
		const char *err;

		memcpy(&ph, base + eh.phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type == PT_LOAD) {
			err = elf_add_segment(&ph, size, out);
			if (err)
				return err;
		} else if (ph.type == PT_NOTE && !found) {
			if (!in_file(ph.offset, ph.filesz, size))
				return "notes lie outside the file";
			found = elf_find_entry(base + ph.offset, ph.filesz,
					       &out->phys_entry);
		}
	}
	if (!out->nr_segments)
		return "nothing to load";
	if (!found)
		return "no PVH entry point (PHYS32_ENTRY note)";
	if (out->phys_entry < out->start || out->phys_entry >= out->end)
		return "the PVH entry point lies outside the image";
	return NULL;
}

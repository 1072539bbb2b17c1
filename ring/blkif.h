/* SPDX-License-Identifier: MIT */
/*
 * blkif.h - what the two halves of a block device say over their ring
 *
 * Layouts and numbers are those of Xen's public block interface.  A request is
 * laid out by the rules of the front end's C compiler, so it comes in two forms:
 * 64-bit, and 32-bit x86 (where 64-bit integers are aligned to 4 bytes).
 * BLKIF_LAYOUT() makes the types and the ring of one form.
 *
 * Sectors are units of 512 bytes everywhere.
 *
 * Kept grants, and their end.  Where both sides write feature-persistent, a front
 * end grants a page for good and the back end keeps it mapped.  Where both also
 * write feature-tenon-revoke (an extension of ours: the front end 1, the back end
 * how many mappings it keeps for a ring at least) a grant may be taken back:
 *
 *     front end				back end
 *     uses these grants no more
 *     BLKIF_OP_TENON_REVOKE, laid
 *     out as an indirect request:
 *     nr_segments grants, 1..128,
 *     listed in the page grefs[0]
 *     as segments whose sectors
 *     mean nothing
 *						unmaps what it keeps of them
 *						responds
 *     ends the grants, which are
 *     now not mapped
 *
 * With it a grant may also be read-only: the back end maps a page for what the
 * request that names it needs.  Grants it does not keep it passes over.
 */
#ifndef TENON_BLKIF_H
#define TENON_BLKIF_H

#include "ring.h"

#define BLKIF_OP_READ 0
#define BLKIF_OP_WRITE 1
#define BLKIF_OP_WRITE_BARRIER 2 /* after all before it; then durable */
#define BLKIF_OP_FLUSH_DISKCACHE 3
#define BLKIF_OP_DISCARD 5
#define BLKIF_OP_INDIRECT 6 /* segments stand in pages of their own */
/* Far from the numbers that Xen gives out. */
#define BLKIF_OP_TENON_REVOKE 240

#define BLKIF_RSP_OKAY 0
#define BLKIF_RSP_ERROR (-1)
#define BLKIF_RSP_EOPNOTSUPP (-2)

#define BLKIF_DISCARD_SECURE 1

#define BLKIF_MAX_SEGMENTS 11
#define BLKIF_MAX_INDIRECT_PAGES 8
#define BLKIF_MAX_REVOKE 128
#define BLKIF_SECTORS_PER_PAGE 8
#define BLKIF_SEGMENTS_PER_PAGE (4096 / sizeof(struct blkif_segment))

/* Bits of the "info" key */
#define VDISK_CDROM 1
#define VDISK_REMOVABLE 2
#define VDISK_READONLY 4

/**
 * struct blkif_segment - a run of sectors within one granted page
 * @gref: the grant
 * @first_sect: first sector, 0..7
 * @last_sect: last sector, inclusive
 * @pad: not used
 */
struct blkif_segment {
	uint32_t gref;
	uint8_t first_sect;
	uint8_t last_sect;
	uint16_t pad;
};

/*
 * name_rw: read, write, barrier, flush; name_discard; name_indirect.  They share
 * @operation and the place of @id, so @id may be read from any of them.
 */
#define BLKIF_LAYOUT(name, u64_t)                                              \
	struct name##_rw {                                                     \
		uint8_t operation;                                             \
		uint8_t nr_segments;                                           \
		uint16_t handle;                                               \
		u64_t id;                                                      \
		u64_t sector;                                                  \
		struct blkif_segment seg[BLKIF_MAX_SEGMENTS];                  \
	};                                                                     \
	struct name##_discard {                                                \
		uint8_t operation;                                             \
		uint8_t flag;                                                  \
		uint16_t handle;                                               \
		u64_t id;                                                      \
		u64_t sector;                                                  \
		u64_t nr_sectors;                                              \
	};                                                                     \
	struct name##_indirect {                                               \
		uint8_t operation;                                             \
		uint8_t indirect_op;                                           \
		uint16_t nr_segments;                                          \
		u64_t id;                                                      \
		u64_t sector;                                                  \
		uint16_t handle;                                               \
		uint16_t pad;                                                  \
		uint32_t grefs[BLKIF_MAX_INDIRECT_PAGES];                      \
	};                                                                     \
	union name##_req {                                                     \
		struct name##_rw rw;                                           \
		struct name##_discard discard;                                 \
		struct name##_indirect indirect;                               \
	};                                                                     \
	struct name##_rsp {                                                    \
		u64_t id;                                                      \
		uint8_t operation;                                             \
		int16_t status;                                                \
	};                                                                     \
	RING_DEFINE(name, union name##_req, struct name##_rsp)

typedef uint64_t __attribute__((aligned(4))) blkif_u64_32;
typedef uint64_t __attribute__((aligned(8))) blkif_u64_64;

BLKIF_LAYOUT(blkif32, blkif_u64_32);
BLKIF_LAYOUT(blkif64, blkif_u64_64);

#endif /* TENON_BLKIF_H */

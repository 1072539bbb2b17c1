// SPDX-License-Identifier: MIT
/*
 * cut.c - writes what must survive a power cut, and knows afterwards what did
 *
 * cut write DISK: until an error, write random blocks, flush, and only then say
 *	on stdout which block now has which generation.
 * cut boast DISK: the same without a flush, which no disk needs to honour.
 * cut check DISK: of what stdin says, every block must have that generation or a
 *	later one, and be whole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 4096
#define BATCH 16
#define WORDS (BLOCK / sizeof(uint64_t))

static uint64_t generations[BLOCKS];
static uint64_t *buffer;

/* What word i of a block's generation is: nothing else has it there. */
static uint64_t word(uint64_t block, uint64_t generation, uint64_t i)
{
	uint64_t x = (generation * BLOCKS + block) * WORDS + i + 1;

	x *= 0x9e3779b97f4a7c15;
	return x ^ x >> 29;
}

static bool put(int disk, unsigned int block, bool through)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = BLOCK };
	unsigned int i;

	buffer[0] = generations[block];
	for (i = 1; i < WORDS; i++)
		buffer[i] = word(block, generations[block], i);
	return pwritev2(disk, &iov, 1, (off_t)block * BLOCK,
			through ? RWF_DSYNC : 0) == BLOCK;
}

static int write_until_error(int disk, bool flushes)
{
	unsigned int batch, i, blocks[BATCH];

	for (batch = 0;; batch++) {
		/* Every other batch goes through the cache instead. */
		bool through = flushes && batch % 2;

		for (i = 0; i < BATCH; i++) {
			blocks[i] = random() % BLOCKS;
			generations[blocks[i]]++;
			if (!put(disk, blocks[i], through))
				return 0;
		}
		if (flushes && !through && fdatasync(disk))
			return 0;
		for (i = 0; i < BATCH; i++)
			printf("%u %" PRIu64 "\n", blocks[i],
			       generations[blocks[i]]);
		if (fflush(stdout))
			return 1;
	}
}

/* Whether a block is as it was when it was at least that old. */
static bool survived(int disk, unsigned int block)
{
	unsigned int i;

	if (pread(disk, buffer, BLOCK, (off_t)block * BLOCK) != BLOCK) {
		perror("cut: read");
		return false;
	}
	if (buffer[0] < generations[block]) {
		printf("block %u: generation %" PRIu64 ", flushed was %" PRIu64
		       "\n", block, buffer[0], generations[block]);
		return false;
	}
	for (i = 1; i < WORDS; i++)
		if (buffer[i] != word(block, buffer[0], i)) {
			printf("block %u: word %u is not generation %" PRIu64
			       "\n", block, i, buffer[0]);
			return false;
		}
	return true;
}

static int check(int disk)
{
	unsigned int block, said = 0, lost = 0;
	uint64_t generation;
	char line[64];

	/* The last line may have been cut, too. */
	while (fgets(line, sizeof(line), stdin) && strchr(line, '\n')) {
		if (sscanf(line, "%u %" SCNu64, &block, &generation) != 2 ||
		    block >= BLOCKS)
			return 2;
		said++;
		if (generation > generations[block])
			generations[block] = generation;
	}
	for (block = 0; block < BLOCKS; block++)
		if (generations[block] && !survived(disk, block))
			lost++;
	printf("%u acknowledged, %u blocks lost\n", said, lost);
	return lost || !said;
}

int main(int argc, char **argv)
{
	int disk = argc == 3 ? open(argv[2], O_RDWR | O_DIRECT) : -1;

	if (disk < 0 || posix_memalign((void **)&buffer, BLOCK, BLOCK)) {
		fprintf(stderr, "cut: write|boast|check DISK\n");
		return 2;
	}
	if (!strcmp(argv[1], "check"))
		return check(disk);
	return write_until_error(disk, !strcmp(argv[1], "write"));
}

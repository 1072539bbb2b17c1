// SPDX-License-Identifier: MIT
/*
 * count.c - QEMU plugin: executed guest instructions by address and CPU
 *
 * Every translation block counts how often each CPU ran it; times its length
 * that is exact, but for a block that a fault leaves in the middle, which counts
 * in full.  No clock takes part, so it does not matter how busy the host is.
 *
 * How long somebody polls does depend on the host, so that is told apart: what a
 * CPU runs between two PAUSE instructions is waiting if it is short, for it did
 * nothing but look.
 *
 * Arguments: control=FILE, a page shared with whoever measures: its first 32-bit
 * word is what to do (enum command); out=FILE, where the counts go.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qemu-plugin.h>

#define CPUS 16
#define BUCKETS (1U << 16)
/*
 * The longest way from one look to the next, in instructions and in blocks.  The
 * hypervisor takes 60, the poller of the drivers up to 470; what does work takes
 * thousands.
 */
#define SPIN_INSNS 600
#define SPIN_BLOCKS 200
#define WATCH_US 10000

enum command {
	IDLE,
	COUNT,
	WRITE, /* write the counts, begin again at 0, then be IDLE */
};

struct block {
	struct block *next;
	uint64_t address;
	unsigned int insns;
	bool pause; /* the last instruction is one */
	uint64_t work[CPUS];
	uint64_t wait[CPUS];
};

/* What a CPU has run since its last PAUSE, as long as that may be waiting. */
struct way {
	struct block *blocks[SPIN_BLOCKS];
	unsigned int length;
	unsigned int insns;
	bool work; /* too long: it is work until the next PAUSE */
} __attribute__((aligned(64)));

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct block *blocks[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct way ways[CPUS];
static uint32_t *control;
static char *out;

static void way_end(struct way *w, unsigned int cpu, bool waited)
{
	for (unsigned int i = 0; i < w->length; i++) {
		struct block *b = w->blocks[i];

		if (waited)
			b->wait[cpu]++;
		else
			b->work[cpu]++;
	}
	w->length = 0;
	w->insns = 0;
}

/* Only the thread of @cpu touches its way and its counts. */
static void block_run(unsigned int cpu, void *data)
{
	struct block *b = data;
	struct way *w = &ways[cpu % CPUS];

	cpu %= CPUS;
	if (__atomic_load_n(control, __ATOMIC_RELAXED) != COUNT)
		return;
	if (w->work) {
		b->work[cpu]++;
		w->work = !b->pause;
		return;
	}
	w->blocks[w->length++] = b;
	w->insns += b->insns;
	if (w->insns > SPIN_INSNS || w->length == SPIN_BLOCKS) {
		way_end(w, cpu, false);
		w->work = !b->pause;
	} else if (b->pause) {
		way_end(w, cpu, true);
	}
}

static bool is_pause(const struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);

	return qemu_plugin_insn_size(insn) == 2 && code[0] == 0xf3 &&
	       code[1] == 0x90;
}

/* The same code translated anew goes on with the same counts. */
static struct block *block_find(uint64_t address, unsigned int insns, bool pause)
{
	uint64_t hash = (address ^ insns) * 0x9e3779b97f4a7c15;
	struct block **bucket = &blocks[hash >> 48];
	struct block *b;

	pthread_mutex_lock(&lock);
	for (b = *bucket; b; b = b->next)
		if (b->address == address && b->insns == insns && b->pause == pause)
			break;
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			abort();
		b->address = address;
		b->insns = insns;
		b->pause = pause;
		b->next = *bucket;
		*bucket = b;
	}
	pthread_mutex_unlock(&lock);
	return b;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t insns = qemu_plugin_tb_n_insns(tb);
	struct block *b =
		block_find(qemu_plugin_tb_vaddr(tb), insns,
			   is_pause(qemu_plugin_tb_get_insn(tb, insns - 1)));

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_run, QEMU_PLUGIN_CB_NO_REGS,
					     b);
}

/* Lines of CPU, address, instructions at work, instructions waiting. */
static void counts_write(void)
{
	FILE *f = fopen(out, "w");

	if (!f) {
		perror(out);
		return;
	}
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = blocks[i]; b; b = b->next) {
			for (unsigned int cpu = 0; cpu < CPUS; cpu++)
				if (b->work[cpu] || b->wait[cpu])
					fprintf(f, "%u %" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
						cpu, b->address, b->work[cpu] * b->insns,
						b->wait[cpu] * b->insns);
			memset(b->work, 0, sizeof(b->work));
			memset(b->wait, 0, sizeof(b->wait));
		}
	pthread_mutex_unlock(&lock);
	fputs("end\n", f);
	fclose(f);
}

static void *watch(void *unused)
{
	(void)unused;
	for (;;) {
		usleep(WATCH_US);
		if (__atomic_load_n(control, __ATOMIC_ACQUIRE) != WRITE)
			continue;
		/* The vCPUs are stopped: none is inside block_run(). */
		for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
			way_end(&ways[cpu], cpu, false);
			ways[cpu].work = false;
		}
		counts_write();
		__atomic_store_n(control, IDLE, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool control_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, 4096)) {
		perror(path);
		return false;
	}
	control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return control != MAP_FAILED;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	sigset_t all, old;
	pthread_t thread;
	bool opened = false;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "control=", 8))
			opened = control_open(argv[i] + 8);
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	if (!opened || !out)
		return 1;
	/* QEMU's signals are for QEMU's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, watch, NULL))
		return 1;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}

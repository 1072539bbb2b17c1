// SPDX-License-Identifier: MIT
/*
 * xdp.c - loads XDP programs, and talks to what answers them
 *
 * Neither a compiler nor a library for BPF is needed: the programs are written in
 * its instructions.
 *
 *   xdp attach DEVICE PROGRAM [DEVICE]   loads one; says why not
 *   xdp detach DEVICE
 *   xdp flip DEVICE COUNT                loads, replaces and removes one, many times
 *   xdp ask ADDRESS PORT COUNT SIZE      datagrams that must come back as they were
 *   xdp fire ADDRESS PORT COUNT SIZE     datagrams, come what may
 *
 * Programs:
 *   pass, drop, abort, bad    all packets: XDP_PASS, XDP_DROP, XDP_ABORTED, 77
 *   strict    passes IPv4 only if it is as long as it says, with 192 bytes free
 *             before it and 64 behind; all else as it is
 *   tx        sends UDP to port 7777 back
 *   redirect  sends UDP to port 7778 back, by the second device
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define TX_PORT 7777
#define REDIRECT_PORT 7778
/* How long a datagram is waited for, and how often it is sent. */
#define PATIENCE_S 5
#define TRIES 4

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Programs */

struct program {
	struct bpf_insn insn[96];
	int nr;
	int to_pass[16]; /* jumps to XDP_PASS, whose distance is not known yet */
	int nr_to_pass;
};

static void emit(struct program *p, int code, int dst, int src, int off, int imm)
{
	p->insn[p->nr++] = (struct bpf_insn) {
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm,
	};
}

static void mov(struct program *p, int dst, int imm)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void load(struct program *p, int size, int dst, int src, int off)
{
	emit(p, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

static void store(struct program *p, int size, int dst, int off, int src)
{
	emit(p, BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

static void leave(struct program *p, int action)
{
	mov(p, 0, action);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void pass_if(struct program *p, int op, int dst, int src, int imm)
{
	p->to_pass[p->nr_to_pass++] = p->nr;
	emit(p, BPF_JMP | op | (src ? BPF_X : BPF_K), dst, src, 0, imm);
}

/* r2: packet, r3: its end; passes what has no IPv4 and UDP headers to look at. */
static void begin(struct program *p)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	load(p, BPF_W, 2, 1, offsetof(struct xdp_md, data));
	load(p, BPF_W, 3, 1, offsetof(struct xdp_md, data_end));
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0);
	emit(p, BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 42);
	pass_if(p, BPF_JGT, 4, 3, 0);
	load(p, BPF_H, 5, 2, 12);
	pass_if(p, BPF_JNE, 5, 0, htons(0x0800));
	load(p, BPF_B, 5, 2, 14);
	pass_if(p, BPF_JNE, 5, 0, 0x45);
}

static void swap(struct program *p, int size, int a, int b)
{
	load(p, size, 0, 2, a);
	load(p, size, 5, 2, b);
	store(p, size, 2, a, 5);
	store(p, size, 2, b, 0);
}

/* Passes all but UDP to a port, which is turned round. */
static void turn_round(struct program *p, int port)
{
	begin(p);
	load(p, BPF_B, 5, 2, 23);
	pass_if(p, BPF_JNE, 5, 0, 17);
	load(p, BPF_H, 5, 2, 36);
	pass_if(p, BPF_JNE, 5, 0, htons(port));
	swap(p, BPF_W, 0, 6);
	swap(p, BPF_H, 4, 10);
	swap(p, BPF_W, 26, 30);
	swap(p, BPF_H, 34, 36);
}

/* Calls a helper with (ctx, delta); leaves with XDP_ABORTED if it fails. */
static void adjust(struct program *p, int helper, int delta)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
	mov(p, 2, delta);
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
	leave(p, XDP_ABORTED);
}

static void strict(struct program *p)
{
	begin(p);
	load(p, BPF_H, 5, 2, 16);
	emit(p, BPF_ALU | BPF_END | BPF_TO_BE, 5, 0, 0, 16);
	emit(p, BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, 14);
	emit(p, BPF_ALU64 | BPF_SUB | BPF_X, 3, 2, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_X, 5, 3, 2, 0);
	leave(p, XDP_ABORTED);
	adjust(p, BPF_FUNC_xdp_adjust_head, -192);
	adjust(p, BPF_FUNC_xdp_adjust_head, 192);
	adjust(p, BPF_FUNC_xdp_adjust_tail, 64);
	adjust(p, BPF_FUNC_xdp_adjust_tail, -64);
}

static int load_program(const char *name, const char *other)
{
	static char log[16384];
	struct program p = {};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (unsigned long)p.insn,
		.license = (unsigned long)"Dual MIT/GPL",
		.log_buf = (unsigned long)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int i, fd;

	if (!strcmp(name, "drop")) {
		leave(&p, XDP_DROP);
	} else if (!strcmp(name, "abort")) {
		leave(&p, XDP_ABORTED);
	} else if (!strcmp(name, "bad")) {
		leave(&p, 77);
	} else if (!strcmp(name, "strict")) {
		strict(&p);
	} else if (!strcmp(name, "tx")) {
		turn_round(&p, TX_PORT);
		leave(&p, XDP_TX);
	} else if (!strcmp(name, "redirect") && other) {
		turn_round(&p, REDIRECT_PORT);
		mov(&p, 1, if_nametoindex(other));
		mov(&p, 2, 0);
		emit(&p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect);
		emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	} else if (strcmp(name, "pass")) {
		fprintf(stderr, "no program %s\n", name);
		exit(2);
	}
	for (i = 0; i < p.nr_to_pass; i++)
		p.insn[p.to_pass[i]].off = p.nr - p.to_pass[i] - 1;
	if (!p.nr || p.nr_to_pass)
		leave(&p, XDP_PASS);
	attr.insn_cnt = p.nr;
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0) {
		fprintf(stderr, "%s\n", log);
		die("BPF_PROG_LOAD");
	}
	return fd;
}

/* Loading them */

static struct rtattr *put(struct nlmsghdr *n, int type, const void *data, int len)
{
	struct rtattr *a = (void *)((char *)n + NLMSG_ALIGN(n->nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	n->nlmsg_len = NLMSG_ALIGN(n->nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

/* What the driver says beside the error. */
static void print_why(const struct nlmsghdr *n)
{
	const struct nlmsgerr *e = NLMSG_DATA(n);
	int skip = sizeof(*e);
	struct nlattr *a;

	if (!(n->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(struct nlmsghdr);
	fprintf(stderr, "%s", strerror(-e->error));
	if (n->nlmsg_flags & NLM_F_ACK_TLVS)
		for (a = (void *)((char *)e + NLMSG_ALIGN(skip));
		     (char *)a + sizeof(*a) <= (char *)n + n->nlmsg_len;
		     a = (void *)((char *)a + NLA_ALIGN(a->nla_len)))
			if (a->nla_type == NLMSGERR_ATTR_MSG)
				fprintf(stderr, ": %s", (char *)(a + 1));
	fprintf(stderr, "\n");
}

/* fd -1 removes. */
static int set_program(const char *dev, int fd)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
		char room[256];
	} req = {
		.n.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		.n.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.n.nlmsg_type = RTM_SETLINK,
		.i.ifi_index = if_nametoindex(dev),
	};
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), one = 1;
	__u32 flags = XDP_FLAGS_DRV_MODE;
	char answer[4096];
	struct nlmsghdr *n = (void *)answer;
	struct rtattr *nest;
	int error;

	if (s < 0 || !req.i.ifi_index)
		die(dev);
	setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	nest = put(&req.n, IFLA_XDP | NLA_F_NESTED, NULL, 0);
	put(&req.n, IFLA_XDP_FD, &fd, sizeof(fd));
	put(&req.n, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	nest->rta_len = (char *)&req + req.n.nlmsg_len - (char *)nest;
	if (send(s, &req, req.n.nlmsg_len, 0) < 0 ||
	    recv(s, answer, sizeof(answer), 0) < 0)
		die("netlink");
	close(s);
	error = ((struct nlmsgerr *)NLMSG_DATA(n))->error;
	if (error)
		print_why(n);
	return error;
}

static int flip(const char *dev, int count)
{
	int a = load_program("strict", NULL), b = load_program("pass", NULL);

	while (count--)
		if (set_program(dev, a) || set_program(dev, b) ||
		    set_program(dev, -1))
			return 1;
	return 0;
}

/* Talking to them */

static int ask(const char *address, int port, int count, int size)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval t = { .tv_sec = PATIENCE_S };
	int s = socket(AF_INET, SOCK_DGRAM, 0), i, k, good = 0, tries;
	static unsigned char out[65536], in[65536];

	inet_pton(AF_INET, address, &to.sin_addr);
	if (s < 0 || connect(s, (void *)&to, sizeof(to)))
		die(address);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	for (i = 0; i < count; i++) {
		for (k = 0; k < size; k++)
			out[k] = i * 31 + k * 7 + (k >> 8);
		for (tries = 0; tries < TRIES; tries++) {
			if (send(s, out, size, 0) != size)
				continue;
			/* what is late, or wrong, is not what was sent */
			do
				k = recv(s, in, sizeof(in), 0);
			while (k >= 0 && (k != size || memcmp(in, out, size)));
			if (k == size)
				break;
		}
		if (tries == TRIES)
			break;
		good++;
	}
	printf("%d of %d came back\n", good, count);
	return good != count;
}

static int fire(const char *address, int port, int count, int size)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	static unsigned char out[65536];

	inet_pton(AF_INET, address, &to.sin_addr);
	while (count--)
		if (sendto(s, out, size, 0, (void *)&to, sizeof(to)) < 0)
			die(address);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "attach"))
		return set_program(argv[2], load_program(argv[3], argv[4])) != 0;
	if (argc == 3 && !strcmp(argv[1], "detach"))
		return set_program(argv[2], -1) != 0;
	if (argc == 4 && !strcmp(argv[1], "flip"))
		return flip(argv[2], atoi(argv[3]));
	if (argc == 6 && !strcmp(argv[1], "ask"))
		return ask(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	if (argc == 6 && !strcmp(argv[1], "fire"))
		return fire(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	fprintf(stderr, "usage: see the top of xdp.c\n");
	return 2;
}

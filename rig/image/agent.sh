#!/bin/bash
# SPDX-License-Identifier: MIT
# agent.sh TTY: run commands that come in as lines "TOKEN BASE64-OF-SCRIPT" and
# answer "@@TOKEN BEGIN", the gzipped output in base64, "@@TOKEN END STATUS".
# The line "exit" ends it.  In dom0 TTY is a virtio port, in a guest its console.

tty=$1
export PATH=/usr/lib/xen-4.17/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C
cd /root || exit 1
exec 3<>"$tty"
[ ! -t 3 ] || stty raw -echo <&3
work=$(mktemp -d /tmp/agent.XXXXXX)
printf '\n@@agent\n' >&3
while true; do
	if ! read -r token script <&3; then
		sleep 0.2
		continue
	fi
	[ "$token" != exit ] || break
	[ -n "$script" ] || continue
	base64 -d <<<"$script" >"$work/$token"
	/bin/bash "$work/$token" </dev/null >"$work/$token.out" 2>&1 3>&-
	status=$?
	{
		printf '\n@@%s BEGIN\n' "$token"
		gzip -1 -c "$work/$token.out" | base64 -w 512
		printf '@@%s END %d\n' "$token" "$status"
	} >&3
	rm -f "$work/$token" "$work/$token.out"
done
rm -rf "$work"

// SPDX-License-Identifier: MIT
// Drivers use rings through ring.h alone: no shared index, no private state.
// spatch --sp-file ring.cocci --include-headers DIRECTORY (discipline.sh)

@shared@
struct ring_shared *sh;
position p;
@@
(
  sh->req_prod@p
|
  sh->req_event@p
|
  sh->rsp_prod@p
|
  sh->rsp_event@p
)

@script:python@
p << shared.p;
@@
print("%s:%s: a shared index outside ring.h" % (p[0].file, p[0].line))

@private@
expression e;
identifier m = {prod, published, cons, seen, broken, mask, slots, idle};
position p;
@@
  e.s.m@p

@script:python@
p << private.p;
@@
print("%s:%s: private state of a ring outside ring.h" % (p[0].file, p[0].line))

@raw@
identifier f =~ "^ring_[a-z0-9_]*_$";
position p;
@@
  f@p(...)

@script:python@
p << raw.p;
f << raw.f;
@@
print("%s:%s: %s() is internal to ring.h" % (p[0].file, p[0].line, f))

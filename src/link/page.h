/* The shared page: one memfd per gate and one of the keeper, written by its owner only, mapped read-only by
 * the others (design §2). One source for accept balance, global caps, metrics, liveness.
 *
 * All numbers are 64-bit and naturally aligned, stored and loaded with relaxed atomics. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum {
    /* More than the 16 KiB of the design: caps for each user and address need a place for each of them. */
    PAGE_SIZE_BYTES = 160 * 1024,
    PAGE_VERSION = 2,
    PAGE_TARGETS = 512,
    PAGE_SLOTS = 16384,
};

struct page_target {
    _Atomic uint64_t streams;          /* open exchanges and relays to this target */
    _Atomic uint64_t requests;         /* all so far */
    _Atomic uint64_t last_activity_ms; /* boottime; user traffic only */
};

struct page {
    _Atomic uint64_t version; /* PAGE_VERSION, set last */
    _Atomic uint64_t pid;
    _Atomic uint64_t generation; /* of the gate in this slot */
    _Atomic uint64_t tick_ms;    /* monotonic; older than 10 s: hung */
    _Atomic uint64_t open;       /* client connections */
    _Atomic uint64_t accepted;
    _Atomic uint64_t requests;
    _Atomic uint64_t draining;                /* 1: this gate accepts no more */
    struct page_target targets[PAGE_TARGETS]; /* by the target's slot in the table */
    /* Streams that count against a cap, by what they count for: link/page_slots.h. */
    _Atomic uint64_t slots[PAGE_SLOTS];
    _Atomic uint64_t journal; /* the keeper's: number of the newest row */
};

_Static_assert(sizeof(struct page) <= PAGE_SIZE_BYTES, "a page has room for all of it");

/* A fresh zeroed memfd of PAGE_SIZE_BYTES, sealed against resizing; close-on-exec. Descriptor or -errno. */
int page_create(const char *name);
/* A read-only descriptor of the same page, for the others (reopened through /proc/self/fd). */
int page_readonly(int fd);
/* Maps a page; NULL and errno on failure (EINVAL: another size, or not sealed against resizing). */
struct page *page_map(int fd, int writable);
void page_unmap(struct page **page);

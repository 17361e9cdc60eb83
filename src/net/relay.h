/* A relay carries bytes both ways between two streams until both directions have ended.
 *
 * Owns both streams from here on. Holds no buffer while neither side is blocked (it reads into scratch
 * memory shared by the loop's relays and writes at once); when a side blocks it keeps at most
 * `high_water` bytes and stops reading the other side. Half-close passes: an end of stream on one side
 * becomes stream_end() on the other, the opposite direction goes on. Bytes that nobody need see move through
 * a pipe of the kernel's instead (splice(2)); while a side blocks, such a pipe holds at most PIPES_ROOM.
 *
 * A side that takes no more bytes (reset, error, closed whole) is noticed at once, read or not. What it had
 * sent is still delivered, then the other side gets its end of stream; what that one still sends is read and
 * dropped until its own end, at most 500 ms after the last delivered byte; then the relay ends. */
#pragma once

#include "base/slice.h"
#include "net/pipes.h"
#include "net/stream.h"

struct relay;

enum relay_direction { RELAY_A_TO_B, RELAY_B_TO_A };

enum relay_end {
    RELAY_ENDED,    /* both directions saw their end of stream (a side that closed whole ends both) */
    RELAY_A_BROKEN, /* reset or error on side a, or the tap refused its bytes */
    RELAY_B_BROKEN,
    RELAY_HALF_CLOSE, /* one side ended and the other did not follow within half_close_ms */
};

/* Bytes on their way, in memory that may be changed. */
struct relay_piece {
    char *data;
    size_t size;
};
/* So much room is before the bytes of a piece that was read in the same direction after another one. */
enum { RELAY_PIECE_ROOM = 64 };
enum { RELAY_LOOK_MOST = 16 };

/* Copied at the start. */
struct relay_settings {
    size_t high_water;     /* bytes held per direction when blocked; 0: 64 KiB, which is also the most */
    int64_t half_close_ms; /* how long one direction may outlive the other; 0: for ever */
    /* Sees every byte once, in order, before it is written, but those that `unseen` lets pass; may be NULL.
     * It may change them, take some away, and put back in front what it has taken before. It must not keep
     * the memory, not use loop_scratch() (where it is) and not destroy the relay; false ends the relay at
     * once (protocol error of that side). */
    bool (*tap)(void *owner, enum relay_direction direction, struct relay_piece *piece);
    /* How many of the next bytes the tap need not see. 0: it must; then *look, which is 0, may say how many
     * of them `foresee` wants to see before they are read, RELAY_LOOK_MOST at most. Asked before each read,
     * and again for what is there behind them; NULL: the tap must see all. */
    uint64_t (*unseen)(void *owner, enum relay_direction direction, size_t *look);
    /* So many of them pass now and are not seen. Not NULL where `unseen` is not. */
    void (*on_unseen)(void *owner, enum relay_direction direction, size_t count);
    /* The next bytes begin with these (fewer than were asked for when no more are there). Says how many bytes
     * from here on count as tapped and pass without on_unseen(); `unseen` is asked at once for what follows
     * them. 0: they go to the tap. */
    size_t (*foresee)(void *owner, enum relay_direction direction, struct slice bytes);
    struct pipes *pipes; /* for these bytes; outlives the relay; NULL: the tap sees all */
    /* Fires exactly once, from the loop and never from inside relay_start(), with the first reason that
     * ended it; the relay may be destroyed there. Both streams are already closed. */
    void (*on_end)(void *owner, enum relay_end end);
};

struct relay_counts {
    uint64_t bytes[2]; /* by direction, written to the other side; without relay_insert()'s */
};

/* `early_a` were read from a (for b) before the relay began, `early_b` from b (for a); both are copied. */
struct relay *relay_start(struct stream *a, struct stream *b, struct slice early_a, struct slice early_b,
                          const struct relay_settings *settings, void *owner);
struct relay_counts relay_counts(const struct relay *relay);
/* Something read from the other side has not been taken by this direction's sink. */
bool relay_is_blocked(const struct relay *relay, enum relay_direction direction);
/* The kernel still keeps some of what this direction's sink has taken, because the peer has not. */
bool relay_is_unsent(const struct relay *relay, enum relay_direction direction);
/* Bytes to put in between at a moment when nothing is half-written toward that side (the caller knows
 * frame boundaries from its tap; from inside the tap they go before the tapped slice): 0, or -EAGAIN when
 * that side is blocked (nothing is taken), -EPIPE when that direction has ended. */
enum { RELAY_INSERT_LARGEST = 1024 };
int relay_insert(struct relay *relay, enum relay_direction direction, struct slice bytes);
/* What comes in that direction from now on is read and dropped; its end still passes. Not from inside the
 * tap. */
void relay_drop(struct relay *relay, enum relay_direction direction);
/* Closes both streams now; no callback. Sets *relay to NULL. */
void relay_destroy(struct relay **relay);

/* An exchange is one request and its response: head in, body in (pulled), head out, body out, end.
 *
 * HTTP/1 is one transport of it (http/server), HTTP/2 will be another; routes know only this header.
 * Calls go down; what comes up is struct exchange_events, set by whoever answers. Events fire only from
 * the loop, never from inside a call of this header. The exchange belongs to its connection; whoever answers
 * holds a borrowed pointer from on_request until exchange_end(), exchange_reply(), exchange_fail(),
 * exchange_upgrade() or on_gone: after any of these the pointer is not used again. */
#pragma once

#include "base/arena.h"
#include "net/address.h"
#include "net/stream.h"
#include "wire/chunks.h"
#include "wire/http1.h"
#include "wire/principal.h"

struct exchange;

struct exchange_events {
    /* Request body (or its end) can be read again, after exchange_read() gave -EAGAIN. */
    void (*on_body)(void *owner);
    /* Response body can be written again, after exchange_write() took less than given. */
    void (*on_room)(void *owner);
    /* The client has left (its end of stream counts as leaving in an answer that goes on; before the head it
     * is asked by a 100), a time-out or an error ended the connection: stop whatever was done for it. At most
     * once. */
    void (*on_gone)(void *owner);
};

struct exchange_request {
    const struct http1_head *head; /* method, target as sent, fields */
    struct slice authority;        /* Host as sent, port included */
    struct slice host;             /* lower case, without port and trailing dot */
    bool host_is_address;          /* an IP literal, not a name */
    struct slice path;             /* percent-decoded once, normalised */
    struct slice raw_path;         /* normalised, still encoded: for forwarding */
    struct slice query;            /* without '?'; data NULL: there was none */
    int64_t content_length;        /* -1: chunked; 0: no body */
    bool upgrade;                  /* Connection: upgrade with an Upgrade field */
    bool secure;                   /* came over TLS, here or at a trusted proxy */
    bool trusted;                  /* the peer is a trusted proxy: its forwarding fields count */
    bool introduces;               /* and so does whom it names as the one who asks */
    const struct address *peer;
    const struct address *client; /* the peer, or whom a trusted proxy names (port 0) */
    unsigned listener;            /* index in the snapshot */
    int64_t started_us;
};

/* Valid as long as the exchange. */
const struct exchange_request *exchange_request(const struct exchange *exchange);
/* Capped memory that lives as long as the exchange. */
struct arena *exchange_arena(struct exchange *exchange);
struct loop *exchange_loop(const struct exchange *exchange);
void exchange_set_events(struct exchange *exchange, const struct exchange_events *events, void *owner);

/* What the access record says of it; both texts outlive the exchange. `id` is the route's own over reloads
 * (equal routes have equal ones); 0: no route of the user's. */
void exchange_set_route(struct exchange *exchange, const char *place, const char *target, uint64_t id);
uint64_t exchange_route_id(const struct exchange *exchange);
const char *exchange_target(const struct exchange *exchange); /* NULL: none */
/* Who asks, as admission has found out; before that, nobody. Never NULL. What is set outlives the exchange's
 * record: it is in its arena, or a constant. */
const struct principal *exchange_principal(const struct exchange *exchange);
void exchange_set_principal(struct exchange *exchange, const struct principal *principal);
/* A pointer of whoever dispatched it, given back in its record (http/server.h); NULL until set. */
void exchange_set_context(struct exchange *exchange, void *context);

/* Something that is given back, by release(thing), when the exchange is over (also by exchange_upgrade()),
 * unless exchange_take() has taken it before: a place under a limit. One at most. */
void exchange_keep(struct exchange *exchange, void *thing, void (*release)(void *thing));
void *exchange_take(struct exchange *exchange); /* NULL: there is none */

/* The peer is a trusted proxy, and its client came over TLS or did not; `introduces`: its word counts for who
 * that is, too; `client` (copied): from there, NULL: it does not say. */
void exchange_trust(struct exchange *exchange, bool secure, bool introduces, const struct address *client);

/* Another way of refusing for this exchange, for a client that cannot see a status. `refuse` may answer the
 * exchange and gives true then; false: it is refused as usual. */
typedef bool exchange_refuse_fn(void *owner, struct exchange *exchange, int status, const char *detail);
void exchange_set_refuser(struct exchange *exchange, exchange_refuse_fn *refuse, void *owner);
/* For whoever refuses: true: it has been done, and the exchange is over. */
bool exchange_refused_otherwise(struct exchange *exchange, int status, const char *detail);

/* --- request body ------------------------------------------------------------------------------ */

/* Refuses a longer body: exchange_read() then gives -EFBIG. 0, or -EFBIG at once when Content-Length
 * already says so. -1: no limit. */
int exchange_limit_body(struct exchange *exchange, int64_t most);
/* >0 bytes; 0: end of the body; -EAGAIN: wait for on_body; -EFBIG; -EPROTO: malformed chunk (answer 400).
 * The first call sends "100 Continue" when the client expects it. A body that is never read is dropped
 * (up to 64 KiB) or costs the connection. */
ssize_t exchange_read(struct exchange *exchange, void *memory, size_t size);
/* What is read of the body from now on stays nowhere but in the caller's memory: it holds a password. */
void exchange_read_secretly(struct exchange *exchange);

/* --- response ------------------------------------------------------------------------------------ */

/* A field to send; copied at once. With an empty name the value is a block of whole lines that
 * http1_write_field() has made: what is sent often need not be checked and put together each time.
 * Connection, Content-Length, Transfer-Encoding and Date are the transport's business and are added by it. */
struct exchange_field {
    struct slice name;
    struct slice value;
    /* Both are constants, numbers, or taken by the parser of wire/http1: nobody looks at their bytes again.
     */
    bool checked;
};

enum { EXCHANGE_LENGTH_UNKNOWN = -1 };

/* An interim response (103, or a forwarded 1xx; never 101). */
void exchange_interim(struct exchange *exchange, int status, const struct exchange_field *fields,
                      size_t count);
/* The head; it leaves with the first bytes of the body, at exchange_flush() or at the end. `length` is the
 * body's, or EXCHANGE_LENGTH_UNKNOWN (chunked; until close for HTTP/1.0). For HEAD, 204 and 304 no body is
 * sent whatever is written. False when the fields exceed 64 KiB or hold bytes that no field may hold: nothing
 * was sent, answer something else. */
bool exchange_head(struct exchange *exchange, int status, const struct exchange_field *fields, size_t count,
                   int64_t length);
bool exchange_head_sent(const struct exchange *exchange); /* exchange_head() was called */
/* Bytes taken (0..size); fewer than size: wait for on_room. Small pieces may wait for the end of the loop's
 * turn to leave together; exchange_flush() sends them now. -EPIPE: the connection is broken, on_gone follows.
 */
ssize_t exchange_write(struct exchange *exchange, const void *bytes, size_t size);
/* The same from a file, by sendfile(2) where it can be; *offset moves on. -EAGAIN: wait for on_room;
 * 0 with size > 0: the file ended early (then call exchange_fail()). */
ssize_t exchange_write_file(struct exchange *exchange, int file, int64_t *offset, size_t size);
/* A piece that other exchanges may send too, at most 64 KiB: all of it is taken, and goes to the kernel in
 * one send(2); what the kernel does not take at once is copied. False: write no more before on_room (or
 * on_gone) fires. */
bool exchange_write_piece(struct exchange *exchange, const struct chunks_piece *piece);
void exchange_flush(struct exchange *exchange);
/* The body is complete (CHECKs it against the announced length). The connection goes on as it should. */
void exchange_end(struct exchange *exchange);
/* The answer cannot be completed: the client sees a cut connection, never a well-formed end. */
void exchange_fail(struct exchange *exchange);
/* A whole small answer in one call: head, body, end. What the kernel does not take is copied. */
void exchange_reply(struct exchange *exchange, int status, const struct exchange_field *fields, size_t count,
                    struct slice body);
/* Closes the connection after this exchange (drain, or trust in it is lost). A refused body (-EFBIG,
 * -EPROTO), status 421 and a refused upgrade do so by themselves. */
void exchange_close_after(struct exchange *exchange);

/* Sends 101 with `fields` (Connection and Upgrade are the caller's here) and gives the connection away: the
 * stream is the caller's, the exchange is over. `early`: bytes that the client sent behind its head;
 * `unsent`: what of the 101 the kernel did not take yet. Both stay valid until the return to the loop. */
struct stream *exchange_upgrade(struct exchange *exchange, const struct exchange_field *fields, size_t count,
                                struct slice *early, struct slice *unsent);

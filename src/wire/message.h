/* Messages between keeper, gates, holds and the command: header and body as bytes; no I/O here.
 *
 * Wire form, native byte order (same machine): struct message_header, then `size` bytes of JSON (an object,
 * or nothing, which means {}). One message is one SOCK_SEQPACKET record of at most MESSAGE_LARGEST bytes. The
 * hold's messages (MESSAGE_HOLD_*) are for ever: numbers and fields are only added; unknown fields are
 * ignored. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    MESSAGE_VERSION = 1,
    MESSAGE_BODY_LARGEST = 65536,
};

enum message_type {
    /* any direction */
    MESSAGE_ERROR = 1, /* reply: {text, code?: exit code of the command} */
    MESSAGE_OK = 2,    /* reply: {} or what the question's line says */

    /* keeper → gate */
    MESSAGE_GATE_HELLO = 16, /* {name, slot, generation, workers, pages: n} fds: own page (rw), keeper's page,
                                the other gates' pages by slot, own slot left out */
    MESSAGE_GATE_DESCRIPTORS, /* {snapshot: N, names: ["listener:0", "files:3", ...]} fds in the same order;
                                 any number of them before PREPARE N */
    MESSAGE_GATE_PREPARE,     /* {snapshot: N} fds: [sealed memfd with the snapshot's JSON] → PREPARED */
    MESSAGE_GATE_COMMIT,      /* {snapshot: N}; the gate serves N from now on */
    MESSAGE_GATE_DROP,        /* {snapshot: N} */
    MESSAGE_GATE_TABLE,       /* {} fds: [sealed memfd: array of target rows]: the whole table */
    MESSAGE_GATE_TARGET, /* one target row that changed; fds: [O_PATH of its socket] when it has "socket":
                            true. {name, gone: true}: the target is no more */
    MESSAGE_GATE_PHASE,  /* {phase: "starting"|"serving"|"stopping"}: before "serving" requests wait */
    MESSAGE_GATE_DRAIN,  /* {timeout_ms}: stop accepting, end connections, exit */
    MESSAGE_GATE_PROBE,  /* {target, generation, host?, method?, path?, timeout_ms, address | (fd), tls?} →
                            PROBED; without a path: only a connection. tls: how its certificate is checked, the
                            name of a row of "tls" in the snapshot */
    MESSAGE_GATE_ANSWER, /* to a GATE_ASK, same id: {status: an HTTP status, body: {...}} or without body and
                            fds: [sealed memfd of it]; on an error the body has "text" */
    /* {} fds: [sealed memfd: who may pass], before the first COMMIT and on change: {method:
     * "none"|"password", keys: [{id, key: base64url of 32 bytes}: at most two, the first signs], tokens:
     * [{id, name, sha256: hex of the whole text, expires: ms|null}], revoked: [ids of sessions], cookie:
     * name, session: {lifetime_ms, idle_ms}}; times are of the wall clock */
    MESSAGE_GATE_ADMISSION,
    /* to a GATE_LOGIN, same id: first {status: 100} fds: [SOCK_SEQPACKET of a helper], then {status: 200,
     * cookie, max_age_s} or {status: 401}; or at once {status: 429|503, retry_after_s, text} */
    MESSAGE_GATE_LOGIN_ANSWER,
    MESSAGE_GATE_HEALTH, /* {} fds: [sealed memfd: the details of /health, keep/condition.h] */
    /* to a GATE_ATTACH, same id: {status: 200} fds: [a viewer's end of the terminal link, wire/terminal.h];
     * {status: 404 unknown | 409 no terminal | 503 not running | 504 its hold does not answer, text} */
    MESSAGE_GATE_ATTACH_ANSWER,
    MESSAGE_GATE_STREAMS, /* {most: n}: its long streams; {close: serial}: end that one → GATE_STREAMS_ANSWER
                           */

    /* gate → keeper */
    MESSAGE_GATE_READY = 48, /* {slot}: hello understood */
    MESSAGE_GATE_PREPARED,   /* {snapshot: N, ok: bool, error?: text with file:line:column} */
    MESSAGE_GATE_WANT,       /* {target}: a request waits for it */
    MESSAGE_GATE_UNWANT,     /* {target}: nobody here waits any more */
    MESSAGE_GATE_PROBED,     /* {target, generation, ok, status?, error?} same id as the question */
    MESSAGE_GATE_DRAINED,    /* {}: the last connection has ended; exits now */
    MESSAGE_GATE_LISTENERS,  /* answer to MESSAGE_TAKE_LISTENERS: {name, pid, addresses: [..]} fds: listeners
                                in  order */
    MESSAGE_GATE_ASK, /* {operation, who: principal, arguments: {...}} or without arguments and fds: [sealed
                         memfd of them], id never 0 → GATE_ANSWER. keep/operations.h: what may be asked */
    /* {user, address}: somebody signs in. The password goes to the helper alone, as one record {user,
     * password} of at most 4096 bytes without a header; its socket stays open until the end: closed, the
     * client has left */
    MESSAGE_GATE_LOGIN,
    MESSAGE_GATE_TROUBLE, /* {what: "events", "names" or "connections", text}: it works less well than it
                             should; text null: no more */
    /* {target, view: bool, who: principal, columns, rows, api: bool}, id never 0: a viewer for a terminal.
     * `view`: it may watch, not type. `columns` and `rows` 0 or missing: no size of its own. `api`: who asks
     * has passed no route's `allow`, so the keeper judges as for start and stop → GATE_ATTACH_ANSWER */
    MESSAGE_GATE_ATTACH,
    /* to a GATE_STREAMS, same id: {} fds: [sealed memfd: {streams: [rows of route/streams.h], more: not
     * listed}], or {found: bool} */
    MESSAGE_GATE_STREAMS_ANSWER,

    /* a new keeper → a dead keeper's gate, over the gate's own hand-over socket */
    MESSAGE_TAKE_LISTENERS = 80, /* {nonce} */

    /* password helper → keeper */
    MESSAGE_HELPER_VERDICT =
        96, /* {ok: bool, user?, stamp?: of the user's line, error?: no verdict at all} */

    /* keeper ⇄ hold, version 1, for ever: src/hold/PROTOCOL.md has every field, wire/hold.h the structs */
    MESSAGE_HOLD_START = 128, /* reserved: the spec is a descriptor that the hold is started with */
    MESSAGE_HOLD_HELLO, /* keeper → hold {version} → hold → keeper struct hold_hello; also first by itself */
    MESSAGE_HOLD_STARTED, /* hold → keeper {pid, start_time, started_ms, contained}: exec succeeded */
    MESSAGE_HOLD_FAILED,  /* hold → keeper struct hold_end: the program never ran */
    MESSAGE_HOLD_EXIT,    /* hold → keeper struct hold_end: it and what it left behind are gone */
    MESSAGE_HOLD_ACK,     /* keeper → hold {}: EXIT or FAILED is recorded; the hold may go */
    MESSAGE_HOLD_SIGNAL,  /* keeper → hold {signal: n, group: bool} */
    MESSAGE_HOLD_STOP,    /* keeper → hold {signal: n, grace_ms}: signal, then SIGKILL to everything */
    MESSAGE_HOLD_STATUS, /* keeper → hold {} → hold → keeper {state, pid, children, contained, output} */
    MESSAGE_HOLD_ATTACH, /* keeper → hold struct hold_terminal_attach, fds: [the hold's end of the terminal
                            link, wire/terminal.h] → hold → keeper {viewer: n} or ERROR */
    MESSAGE_HOLD_OUTPUT, /* hold → keeper {bytes, lines, dropped, error?}: the log refuses or takes again */
    MESSAGE_HOLD_TERMINAL, /* hold → keeper struct hold_terminal_news: size and viewers, and what one did */

    /* command → keeper (control socket); each is answered by OK or ERROR with the same id */
    MESSAGE_CONTROL_HELLO = 192, /* {} → {name, pid, nonce, version, config, state, phase} */
    MESSAGE_CONTROL_DOWN = 197,  /* {now: bool} → OK at once; the socket closes when the keeper has gone */
    MESSAGE_CONTROL_ASK = 200,   /* {operation, arguments: {...}} → {status: an HTTP status, body: {...}} or
                                    without body and fds: [sealed memfd of it]. keep/operations.h: what may be
                                    asked. 193 to 199 but 197 were such questions once */
    MESSAGE_CONTROL_ATTACH = 201, /* as MESSAGE_GATE_ATTACH without `who` and `api` → members and descriptor
                                     of MESSAGE_GATE_ATTACH_ANSWER */
};

struct message_header {
    uint16_t version;
    uint16_t type;
    uint32_t id;
    uint32_t size;
    uint32_t reserved; /* 0 */
};

enum { MESSAGE_LARGEST = MESSAGE_BODY_LARGEST + (int)sizeof(struct message_header) };

/* Writes header and body into fresh memory (free()); NULL when the body is larger than
 * MESSAGE_BODY_LARGEST. `body` is borrowed; NULL means {}. */
char *message_encode(enum message_type type, uint32_t id, const json_t *body, size_t *size);

/* JSON text that came from elsewhere (a memfd, a request): depth at most 32, duplicate keys refused. A new
 * reference, or NULL with the text. */
json_t *message_parse(struct slice text, struct error *error);

/* Checks length, version, reserved, size; parses the JSON with depth at most 32, duplicate keys refused. On
 * true the caller owns *body (an object). */
bool message_decode(struct slice record, struct message_header *header, json_t **body, struct error *error);

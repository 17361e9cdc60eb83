/* The opening handshake of a WebSocket (RFC 6455 §4), on both sides of us. */
#pragma once

#include "wire/http1.h"

enum websocket_result {
    WEBSOCKET_FINE,
    WEBSOCKET_OTHER,       /* the Upgrade field does not name websocket */
    WEBSOCKET_BAD,         /* method, version or key are not a WebSocket's: 400 */
    WEBSOCKET_BAD_VERSION, /* 426, with Sec-WebSocket-Version: 13 */
};

/* A request whose framing says upgrade (wire/framing.h). */
enum websocket_result websocket_check_request(const struct http1_head *head);

enum { WEBSOCKET_KEY_SIZE = 24, WEBSOCKET_ACCEPT_SIZE = 28 };

/* The Sec-WebSocket-Accept for a key, into out[WEBSOCKET_ACCEPT_SIZE]. */
void websocket_accept(struct slice key, char *out);
/* A key of 16 random bytes, into out[WEBSOCKET_KEY_SIZE]. */
void websocket_key(const uint8_t random[16], char *out);

/* Whether a response of status 101 completes the handshake of `request`: Upgrade, Connection, the accept
 * value for the request's key, and no subprotocol or extension that was not offered. False: a broken upstream
 * (502). `asked`: a subprotocol that we have asked for in place of a client that asks for none; empty: none.
 */
bool websocket_check_response(const struct http1_head *response, const struct fields *request,
                              struct slice asked);

/* Whether the client offers a subprotocol (by its exact name). */
bool websocket_offers(const struct fields *request, struct slice subprotocol);

/* TLS beneath streams (OpenSSL), the client's side: how a peer is checked, and a stream's layer that does it.
 *
 * No byte of a stream's user leaves before the check has passed: until stream_handshake() has said 0 nothing
 * can be written. TLS 1.2 and 1.3; no renegotiation, no compression, no resumption (each connection is
 * checked anew); ALPN says http/1.1. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/stream.h"

/* --- policies: what counts as the right peer ------------------------------------------------------ */

enum tls_verify {
    TLS_VERIFY_SYSTEM, /* a certificate for the name (or the address), vouched for by who this system trusts
                        */
    TLS_VERIFY_CA,     /* the same, vouched for by `ca` alone, which may be the certificate itself */
    TLS_VERIFY_PIN,    /* the certificate's key is one of `pins`: whoever vouches, whatever name and date */
    TLS_VERIFY_NONE,   /* anybody */
};

enum { TLS_PIN_SIZE = 32, TLS_PINS_MOST = 16, TLS_PIN_TEXT_SIZE = 7 + 2 * TLS_PIN_SIZE + 1 };

struct tls_policy_settings {
    enum tls_verify verify;
    struct slice ca; /* PEM */
    /* SHA-256 of SubjectPublicKeyInfo (RFC 7469 section 2.4): it survives a renewal that keeps the key. */
    uint8_t pins[TLS_PINS_MOST][TLS_PIN_SIZE];
    size_t pin_count;
    const char *name; /* sent as SNI (RFC 6066 section 3) and checked; NULL: the IP address is checked */
};

/* What it demands is immutable once made, and shared by everything that connects under it. It remembers who
 * has passed, for the words of a refusal alone. */
struct tls_policy;

/* NULL with the text of what is wrong (`ca` holds no certificate ...). Everything is copied. */
struct tls_policy *tls_policy_new(const struct tls_policy_settings *settings, struct error *error);
struct tls_policy *tls_policy_share(struct tls_policy *policy);
/* The last one frees it; sets *policy to NULL, which may be NULL already. */
void tls_policy_release(struct tls_policy **policy);

/* --- connections ---------------------------------------------------------------------------------- */

/* Makes a connected stream that nothing was read from or written to speak TLS with the peer at `address`.
 * Then call stream_handshake() until it is done. */
void tls_start_client(struct stream *stream, struct tls_policy *policy, const struct address *address);
/* After a failed handshake, until the stream is closed: what is wrong, in words, with what to write into the
 * configuration where the certificate is not known; "" when there is nothing to say. */
const char *tls_trouble(const struct stream *stream);

enum { TLS_NAME_SIZE = 256, TLS_DATE_SIZE = 32 };

/* What a peer has shown of itself. Text is printable UTF-8. */
struct tls_certificate {
    char subject[TLS_NAME_SIZE]; /* "CN=nas, O=Example" */
    char issuer[TLS_NAME_SIZE];
    char names[TLS_NAME_SIZE]; /* that it is for: "nas.lan, 10.0.0.7"; "": none */
    char from[TLS_DATE_SIZE];  /* "2027-01-31", UTC */
    char until[TLS_DATE_SIZE];
    char pin[TLS_PIN_TEXT_SIZE];         /* "sha256:" and 64 hex digits, of its key */
    char fingerprint[TLS_PIN_TEXT_SIZE]; /* the same of the whole certificate, as browsers show it */
};

/* After stream_handshake() has said 0. False: the stream is not TLS. */
bool tls_certificate(const struct stream *stream, struct tls_certificate *certificate);

/* Private to src/net: certificates in words, and what is wrong with one. Nothing here decides. */
#pragma once

#include <openssl/x509_vfy.h>

#include "net/tls.h"

struct tls_check {
    const char *peer; /* "10.0.0.7:9000", as people wrote or see it */
    const char *name; /* that it should be for; NULL: an IP address */
    const struct tls_policy_settings *settings;
    const char *authority; /* the subject of the first of `ca`; "": there is none */
    int authorities;       /* how many these are */
    const uint8_t *before; /* pin of the key that passed there last; NULL: none has */
};

void tls_check_pin(X509 *certificate, uint8_t *pin);
/* TLS_NAME_SIZE bytes. */
void tls_check_subject(X509 *certificate, char *text);
void tls_check_describe(X509 *certificate, struct tls_certificate *described);
/* Fresh memory. `error`: X509_V_ERR_* of a certificate that nobody vouches for as it should be. */
char *tls_check_unvouched(const struct tls_check *check, X509 *certificate, int error);
char *tls_check_not_pinned(const struct tls_check *check, X509 *certificate);
/* Why a handshake failed, from OpenSSL's queue of errors. */
char *tls_check_handshake(const struct tls_check *check, unsigned long error);

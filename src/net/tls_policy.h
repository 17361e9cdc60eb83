/* Private to src/net: what a policy holds ready for its connections. */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

enum { TLS_PASSED_MOST = 16 };

/* Who has passed, by where: what a refusal is compared with. */
struct tls_passed {
    char peer[ADDRESS_TEXT_SIZE];
    uint8_t pin[TLS_PIN_SIZE];
};

struct tls_policy {
    unsigned shares;
    struct tls_policy_settings settings; /* `name` and `pins` are its own, `ca` is gone into the context */
    SSL_CTX *context;
    BIO_METHOD *method;
    char authority[TLS_NAME_SIZE]; /* the subject of the first of `ca` */
    int authorities;               /* how many these are */
    struct tls_passed passed[TLS_PASSED_MOST];
    unsigned passed_next;
};

/* Somebody with this key has passed at `peer`; of many peers the latest ones are known. */
void tls_policy_note(struct tls_policy *policy, const char *peer, const uint8_t *pin);
/* The pin of who has passed there last; NULL: none has. */
const uint8_t *tls_policy_noted(const struct tls_policy *policy, const char *peer);

/* --- net/tls.c ---------------------------------------------------------------------------------------- */

/* SSL_CTX_set_cert_verify_callback(3): the one place where a peer is let pass or not. */
int tls_let_pass(X509_STORE_CTX *store, void *unused);
/* The end of OpenSSL that receives from and sends to a stream's layer. */
BIO_METHOD *tls_bio_method(void);

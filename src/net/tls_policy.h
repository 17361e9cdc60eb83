/* Private to src/net: what a policy holds ready for its connections. */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_policy {
    unsigned shares;
    struct tls_policy_settings settings; /* `name` and `pins` are its own, `ca` is gone into the context */
    SSL_CTX *context;
    BIO_METHOD *method;
};

/* --- net/tls.c ---------------------------------------------------------------------------------------- */

/* SSL_CTX_set_cert_verify_callback(3): the one place where a peer is let pass or not. */
int tls_let_pass(X509_STORE_CTX *store, void *unused);
/* The end of OpenSSL that receives from and sends to a stream's layer. */
BIO_METHOD *tls_bio_method(void);

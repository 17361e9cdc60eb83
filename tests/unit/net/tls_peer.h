/* The other side of TLS for unit tests: certificates made on the spot, and a server on one end of a socket
 * pair that is driven by hand. Header-only: each test is one executable of one file. */
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "../support.h"

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct identity_options {
    const char *subject;           /* CN */
    const char *names;             /* "DNS:nas.lan,IP:10.0.0.7"; NULL: none */
    const struct identity *issuer; /* NULL: itself */
    bool authority;
    long from_s, until_s; /* from now; 0, 0: an hour back, an hour on */
};

static inline struct identity identity_make(const struct identity_options *options)
{
    struct identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *certificate = made.certificate;
    const struct identity *issuer = options->issuer ? options->issuer : &made;
    bool dated = options->from_s || options->until_s;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1 + (long)(uintptr_t)certificate % 100000);
    X509_gmtime_adj(X509_getm_notBefore(certificate), dated ? options->from_s : -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), dated ? options->until_s : 3600);
    X509_set_pubkey(certificate, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)options->subject, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    if (options->names) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, options->names);
        assert_non_null(names);
        X509_add_ext(certificate, names, -1);
        X509_EXTENSION_free(names);
    }
    if (options->authority) {
        X509_EXTENSION *may = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_non_null(may);
        X509_add_ext(certificate, may, -1);
        X509_EXTENSION_free(may);
    }
    assert_int_not_equal(X509_sign(certificate, issuer->key, EVP_sha256()), 0);
    return made;
}

static inline void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* Fresh memory. */
static inline char *identity_pem(const struct identity *identity)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes;
    PEM_write_bio_X509(memory, identity->certificate);
    long size = BIO_get_mem_data(memory, &bytes);
    char *pem = calloc(1, (size_t)size + 1);
    memcpy(pem, bytes, (size_t)size);
    BIO_free(memory);
    return pem;
}

/* How `openssl x509 -pubkey | openssl pkey -pubin -outform der | sha256sum` comes to a pin. */
static inline void identity_pin(const struct identity *identity, uint8_t pin[32])
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(identity->key, &der);
    assert_true(size > 0);
    assert_int_equal(EVP_Digest(der, (size_t)size, pin, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
}

struct tls_peer {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    bool open;  /* its handshake is done */
    size_t got; /* bytes of the client's */
    bool ended; /* close_notify has come */
    bool failed;
};

/* Takes `fd`, non-blocking. */
static inline void tls_peer_begin(struct tls_peer *peer, int fd, const struct identity *identity)
{
    *peer = (struct tls_peer){.context = SSL_CTX_new(TLS_server_method()), .fd = fd};
    SSL_CTX_use_certificate(peer->context, identity->certificate);
    SSL_CTX_use_PrivateKey(peer->context, identity->key);
    SSL_CTX_set_mode(peer->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    peer->ssl = SSL_new(peer->context);
    SSL_set_fd(peer->ssl, fd);
    SSL_set_accept_state(peer->ssl);
}

/* Shakes hands, then counts what comes. */
static inline void tls_peer_turn(struct tls_peer *peer)
{
    static char bytes[65536];
    size_t got;
    ERR_clear_error();
    if (!peer->open && !peer->failed) {
        int result = SSL_do_handshake(peer->ssl);
        peer->open = result == 1;
        peer->failed = result != 1 && SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ;
    }
    while (peer->open && SSL_read_ex(peer->ssl, bytes, sizeof bytes, &got))
        peer->got += got;
    peer->ended |= (SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
    ERR_clear_error();
}

static inline void tls_peer_end(struct tls_peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    if (peer->fd >= 0)
        close(peer->fd);
}

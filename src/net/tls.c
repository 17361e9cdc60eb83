/* One connection: OpenSSL between a stream's user and its descriptor.
 *
 * Sending never blocks OpenSSL (net/stream_layer.h keeps what the kernel does not take), so the only thing it
 * ever waits for is bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/check.h"
#include "base/memory.h"

#include "net/stream_layer.h"
#include "net/tls_check.h"
#include "net/tls_policy.h"

enum { RECORD_MOST = 16 * 1024 };

struct tls {
    struct stream_layer layer;
    struct tls_policy *policy;
    SSL *ssl;
    char peer[ADDRESS_TEXT_SIZE];
    char *trouble; /* NULL: none, or no words for it */
    int error;     /* of the descriptor, -errno */
    bool at_end;   /* of the descriptor */
    bool open;     /* the handshake is done */
    bool broken;   /* OpenSSL takes no further call */
};

static struct tls *tls_of(struct stream_layer *layer)
{
    return LIST_ENTRY(layer, struct tls, layer);
}

/* --- OpenSSL's end -------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *memory, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t count = stream_layer_receive(&tls->layer, memory, (size_t)size);
    if (count > 0)
        return (int)count;
    if (count == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (count == 0)
        tls->at_end = true;
    else
        tls->error = (int)count;
    return count == 0 ? 0 : -1;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int error = stream_layer_send(&tls->layer, bytes, (size_t)size);
    if (!error)
        return size;
    tls->error = error;
    return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *tls = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return tls->at_end;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
    CHECK(method && BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
          BIO_meth_set_ctrl(method, bio_control));
    return method;
}

/* --- who is it ------------------------------------------------------------------------------------- */

static struct tls_check check_of(const struct tls *tls)
{
    const struct tls_policy_settings *settings = &tls->policy->settings;
    return (struct tls_check){.peer = tls->peer,
                              .name = settings->name,
                              .settings = settings,
                              .authority = tls->policy->authority,
                              .authorities = tls->policy->authorities,
                              .before = tls_policy_noted(tls->policy, tls->peer)};
}

static bool is_pinned(const struct tls_policy_settings *settings, X509 *certificate)
{
    uint8_t pin[TLS_PIN_SIZE];
    tls_check_pin(certificate, pin);
    for (size_t i = 0; i < settings->pin_count; i++)
        if (memcmp(pin, settings->pins[i], sizeof pin) == 0)
            return true;
    return false;
}

static void set_trouble(struct tls *tls, char *text)
{
    free(tls->trouble);
    tls->trouble = text;
}

static void note_passed(struct tls *tls, X509 *certificate)
{
    uint8_t pin[TLS_PIN_SIZE];
    tls_check_pin(certificate, pin);
    tls_policy_note(tls->policy, tls->peer, pin);
}

static bool is_trusted(struct tls *tls, X509_STORE_CTX *store, X509 *certificate)
{
    const struct tls_check check = check_of(tls);
    switch (check.settings->verify) {
    case TLS_VERIFY_NONE:
        return true;
    case TLS_VERIFY_PIN:
        if (is_pinned(check.settings, certificate))
            return true;
        set_trouble(tls, tls_check_not_pinned(&check, certificate));
        return false;
    case TLS_VERIFY_SYSTEM:
    case TLS_VERIFY_CA:
        if (X509_verify_cert(store) == 1) {
            note_passed(tls, certificate);
            return true;
        }
        set_trouble(tls, tls_check_unvouched(&check, certificate, X509_STORE_CTX_get_error(store)));
        return false;
    }
    UNREACHABLE();
}

int tls_let_pass(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    (void)unused;
    bool trusted = certificate && is_trusted(SSL_get_app_data(ssl), store, certificate);
    if (trusted)
        X509_STORE_CTX_set_error(store, X509_V_OK);
    else if (X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return trusted;
}

/* --- the layer's calls ------------------------------------------------------------------------------ */

/* What a call of OpenSSL that did not succeed means, in the terms of stream_read(). */
static int failed(struct tls *tls)
{
    int kind = SSL_get_error(tls->ssl, -1);
    if (kind == SSL_ERROR_WANT_READ)
        return -EAGAIN;
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    tls->broken = true;
    if (tls->error)
        return tls->error;
    return tls->at_end ? -ECONNRESET : -EPROTO;
}

static int tls_handshake(struct stream_layer *layer)
{
    struct tls *tls = tls_of(layer);
    if (tls->open || tls->broken)
        return tls->open ? 0 : -EPROTO;
    ERR_clear_error();
    if (SSL_do_handshake(tls->ssl) == 1) {
        tls->open = true;
        return 0;
    }
    int error = failed(tls);
    if (error == -EAGAIN)
        return error;
    tls->broken = true;
    if (!tls->trouble) {
        const struct tls_check check = check_of(tls);
        set_trouble(tls, tls_check_handshake(&check, ERR_peek_error()));
    }
    ERR_clear_error();
    return error ? error : -EPROTO;
}

static ssize_t tls_read(struct stream_layer *layer, void *memory, size_t size)
{
    struct tls *tls = tls_of(layer);
    size_t total = 0, got;
    if (!tls->open || tls->broken)
        return tls->open ? -EPROTO : -EAGAIN;
    ERR_clear_error();
    while (total < size && SSL_read_ex(tls->ssl, (char *)memory + total, size - total, &got))
        total += got;
    if (total > 0)
        return (ssize_t)total; /* an end or an error behind it comes again */
    int result = failed(tls);
    ERR_clear_error();
    return result;
}

static ssize_t tls_write(struct stream_layer *layer, const void *bytes, size_t size)
{
    struct tls *tls = tls_of(layer);
    size_t total = 0, sent;
    if (!tls->open)
        return -EAGAIN;
    ERR_clear_error();
    while (total < size && buffer_size(&layer->unsent) == 0) {
        size_t part = size - total < RECORD_MOST ? size - total : RECORD_MOST;
        if (tls->broken || !SSL_write_ex(tls->ssl, (const char *)bytes + total, part, &sent)) {
            int error = tls->broken ? -EPIPE : failed(tls);
            tls->broken = true;
            ERR_clear_error();
            return error < 0 && error != -EAGAIN ? error : -EPROTO;
        }
        total += sent;
    }
    return (ssize_t)total;
}

static bool tls_is_quiet(struct stream_layer *layer)
{
    struct tls *tls = tls_of(layer);
    char byte;
    size_t got;
    if (!tls->open || tls->broken)
        return false;
    ERR_clear_error();
    bool quiet = !SSL_peek_ex(tls->ssl, &byte, 1, &got) && SSL_get_error(tls->ssl, -1) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return quiet;
}

static void tls_end(struct stream_layer *layer)
{
    struct tls *tls = tls_of(layer);
    if (!tls->open || tls->broken || SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

static void tls_free(struct stream_layer *layer)
{
    struct tls *tls = tls_of(layer);
    SSL_free(tls->ssl);
    tls_policy_release(&tls->policy);
    stream_layer_clear(layer);
    free(tls->trouble);
    free(tls);
}

static const struct stream_layer_calls tls_calls = {
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .is_quiet = tls_is_quiet,
    .end = tls_end,
    .free = tls_free,
};

/* --- for users of streams ----------------------------------------------------------------------------- */

static void set_expected(struct tls *tls, const struct address *address)
{
    X509_VERIFY_PARAM *expected = SSL_get0_param(tls->ssl);
    const char *name = tls->policy->settings.name;
    char host[ADDRESS_TEXT_SIZE];
    if (!name && address_is_name(address))
        name = address->named.host;
    if (name) {
        /* SSL_set_tlsext_host_name(3), which is a macro that drops the const. */
        CHECK(SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *)(uintptr_t)name) == 1);
        CHECK(X509_VERIFY_PARAM_set1_host(expected, name, 0) == 1);
    } else if (address->any.sa_family != AF_UNIX) {
        CHECK(X509_VERIFY_PARAM_set1_ip_asc(expected, address_format_host(address, host)) == 1);
    }
}

void tls_start_client(struct stream *stream, struct tls_policy *policy, const struct address *address)
{
    struct tls *tls = MEMORY_NEW(struct tls);
    BIO *bio = BIO_new(policy->method);
    tls->layer.calls = &tls_calls;
    tls->policy = tls_policy_share(policy);
    tls->ssl = SSL_new(policy->context);
    CHECK(bio && tls->ssl);
    address_format(address, tls->peer);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_connect_state(tls->ssl);
    set_expected(tls, address);
    stream_set_layer(stream, &tls->layer);
}

static struct tls *tls_under(const struct stream *stream)
{
    struct stream_layer *layer = stream_layer(stream);
    return layer && layer->calls == &tls_calls ? tls_of(layer) : NULL;
}

const char *tls_trouble(const struct stream *stream)
{
    const struct tls *tls = tls_under(stream);
    return tls && tls->trouble ? tls->trouble : "";
}

bool tls_certificate(const struct stream *stream, struct tls_certificate *certificate)
{
    const struct tls *tls = tls_under(stream);
    X509 *shown = tls && tls->open ? SSL_get0_peer_certificate(tls->ssl) : NULL;
    if (shown)
        tls_check_describe(shown, certificate);
    return shown != NULL;
}

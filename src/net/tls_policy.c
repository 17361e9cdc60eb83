/* One context of OpenSSL for each policy: nothing is shared between those who are checked differently. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/memory.h"

#include "net/tls_check.h"
#include "net/tls_policy.h"

enum { CHAIN_BYTES_MOST = 100 * 1024, CERTIFICATES_MOST = 1024 };

/* The certificates of a PEM text; how many, or -1 when one of them is damaged. `first`: the subject of the
 * first. */
static int add_authorities(X509_STORE *store, struct slice pem, char *first)
{
    BIO *memory = BIO_new_mem_buf(pem.data, (int)pem.size);
    int count = 0;
    X509 *certificate;
    ERR_clear_error();
    while (count < CERTIFICATES_MOST && (certificate = PEM_read_bio_X509_AUX(memory, NULL, NULL, NULL))) {
        X509_STORE_add_cert(store, certificate);
        if (count == 0)
            tls_check_subject(certificate, first);
        X509_free(certificate);
        count++;
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(memory);
    return at_end || count == CERTIFICATES_MOST ? count : -1;
}

static bool set_trust(struct tls_policy *policy, const struct tls_policy_settings *settings,
                      struct error *error)
{
    SSL_CTX *context = policy->context;
    if (settings->verify == TLS_VERIFY_SYSTEM)
        SSL_CTX_set_default_verify_paths(context);
    if (settings->verify != TLS_VERIFY_CA)
        return true;
    int count = -1;
    if (settings->ca.size < INT32_MAX)
        count = add_authorities(SSL_CTX_get_cert_store(context), settings->ca, policy->authority);
    policy->authorities = count;
    if (count < 0)
        return error_set(error, "a certificate in it is damaged");
    if (count == 0)
        return error_set(error, "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)");
    return true;
}

static SSL_CTX *make_context(void)
{
    static const unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    CHECK(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* a resumed session is not checked */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MOST);
    CHECK(SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn) == 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, tls_let_pass, NULL);
    /* What is in the `ca` file is trusted itself, be it the end of a chain or not. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    return context;
}

struct tls_policy *tls_policy_new(const struct tls_policy_settings *settings, struct error *error)
{
    CHECK((settings->verify == TLS_VERIFY_PIN) == (settings->pin_count > 0));
    struct tls_policy *policy = MEMORY_NEW(struct tls_policy);
    policy->context = make_context();
    if (!set_trust(policy, settings, error)) {
        SSL_CTX_free(policy->context);
        free(policy);
        return NULL;
    }
    policy->shares = 1;
    policy->method = tls_bio_method();
    policy->settings = *settings;
    policy->settings.ca = (struct slice){0};
    policy->settings.name = memory_text(settings->name);
    return policy;
}

/* Its place in `passed`, or TLS_PASSED_MOST. */
static unsigned find_passed(const struct tls_policy *policy, const char *peer)
{
    unsigned place = 0;
    while (place < TLS_PASSED_MOST && strcmp(policy->passed[place].peer, peer) != 0)
        place++;
    return place;
}

void tls_policy_note(struct tls_policy *policy, const char *peer, const uint8_t *pin)
{
    unsigned place = find_passed(policy, peer);
    if (place == TLS_PASSED_MOST)
        place = policy->passed_next++ % TLS_PASSED_MOST;
    snprintf(policy->passed[place].peer, sizeof policy->passed[place].peer, "%s", peer);
    memcpy(policy->passed[place].pin, pin, TLS_PIN_SIZE);
}

const uint8_t *tls_policy_noted(const struct tls_policy *policy, const char *peer)
{
    unsigned place = find_passed(policy, peer);
    return place < TLS_PASSED_MOST ? policy->passed[place].pin : NULL;
}

struct tls_policy *tls_policy_share(struct tls_policy *policy)
{
    policy->shares++;
    return policy;
}

void tls_policy_release(struct tls_policy **where)
{
    struct tls_policy *policy = *where;
    *where = NULL;
    if (!policy || --policy->shares > 0)
        return;
    SSL_CTX_free(policy->context);
    BIO_meth_free(policy->method);
    free((char *)(uintptr_t)policy->settings.name);
    free(policy);
}

/* Each text says who, what is wrong, and what to write when it is right all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/seal.h"

#include "net/tls_check.h"

enum { NAMES_MOST = 16, SUBJECT_SHOWN = 80 };

/* --- a certificate in words ------------------------------------------------------------------------ */

static void pin_text(const uint8_t *pin, char *text)
{
    memcpy(text, "sha256:", 7);
    seal_to_hex(pin, text + 7);
}

/* SHA-256 of the DER form of its SubjectPublicKeyInfo. */
void tls_check_pin(X509 *certificate, uint8_t *pin)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    seal_digest(slice_of(der, size > 0 ? (size_t)size : 0), pin);
    OPENSSL_free(der);
}

static void put_fingerprint(X509 *certificate, char *text)
{
    uint8_t digest[SEAL_SIZE];
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    seal_digest(slice_of(der, size > 0 ? (size_t)size : 0), digest);
    OPENSSL_free(der);
    pin_text(digest, text);
}

/* What a peer has sent is shown on terminals: nothing but printable characters. */
static void put_clean(const char *bytes, size_t size, char *text)
{
    size_t end = size < TLS_NAME_SIZE - 1 ? size : TLS_NAME_SIZE - 1;
    memcpy(text, bytes, end);
    text[end] = '\0';
    utf8_clean(text);
    for (char *at = text; *at; at++) {
        bool c1 = (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0;
        if ((unsigned char)*at < 0x20 || *at == 0x7f || c1)
            *at = '?';
        if (c1)
            *++at = '?';
    }
}

static void put_name(const X509_NAME *name, char *text)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ & ~ASN1_STRFLGS_ESC_MSB);
    long size = BIO_get_mem_data(memory, &bytes);
    put_clean(bytes, size > 0 ? (size_t)size : 0, text);
    BIO_free(memory);
}

void tls_check_subject(X509 *certificate, char *text)
{
    put_name(X509_get_subject_name(certificate), text);
}

static void put_date(const ASN1_TIME *time, char *text)
{
    struct tm date;
    if (!ASN1_TIME_to_tm(time, &date) || !strftime(text, TLS_DATE_SIZE, "%Y-%m-%d", &date))
        snprintf(text, TLS_DATE_SIZE, "?");
}

static void add_name(const GENERAL_NAME *name, struct buffer *names)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    struct address address = {0};
    char text[ADDRESS_TEXT_SIZE];
    if (kind != GEN_DNS && kind != GEN_IPADD)
        return;
    struct slice bytes = slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    if (kind == GEN_IPADD && bytes.size == sizeof address.v4.sin_addr) {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, bytes.data, bytes.size);
    } else if (kind == GEN_IPADD && bytes.size == sizeof address.v6.sin6_addr) {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, bytes.data, bytes.size);
    } else if (kind == GEN_IPADD) {
        return;
    }
    if (kind == GEN_IPADD)
        bytes = slice_of_text(address_format_host(&address, text));
    buffer_append_text(names, buffer_size(names) ? ", " : "");
    buffer_append(names, bytes);
}

/* What it is for (RFC 6125): the subject's CN counts only where there is nothing else, and then for us not.
 */
static void put_names(X509 *certificate, char *text)
{
    struct buffer names = BUFFER(TLS_NAME_SIZE - 1);
    GENERAL_NAMES *found = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(found) && i < NAMES_MOST; i++)
        add_name(sk_GENERAL_NAME_value(found, i), &names);
    struct slice all = buffer_slice(&names);
    put_clean(all.data ? all.data : "", all.size, text);
    GENERAL_NAMES_free(found);
    buffer_free(&names);
}

void tls_check_describe(X509 *certificate, struct tls_certificate *described)
{
    uint8_t pin[TLS_PIN_SIZE];
    tls_check_pin(certificate, pin);
    pin_text(pin, described->pin);
    put_fingerprint(certificate, described->fingerprint);
    tls_check_subject(certificate, described->subject);
    put_name(X509_get_issuer_name(certificate), described->issuer);
    put_names(certificate, described->names);
    put_date(X509_get0_notBefore(certificate), described->from);
    put_date(X509_get0_notAfter(certificate), described->until);
}

/* --- what is wrong ---------------------------------------------------------------------------------- */

/* Whom the file of `ca` has; fresh memory. */
static char *expected_authority(const struct tls_check *check)
{
    return memory_format("\"%.*s\"%s", SUBJECT_SHOWN, check->authority,
                         check->authorities > 1 ? " or another of tls.ca" : "");
}

/* Who vouches is not who should; fresh memory. */
static char *reason_of_issuer(const struct tls_check *check, const char *found)
{
    if (!check->authority[0])
        return memory_format("is vouched for by \"%.*s\", who is not trusted here", SUBJECT_SHOWN, found);
    if (strcmp(found, check->authority) == 0)
        return memory_format("names \"%.*s\" as who vouches for it, but that of tls.ca has not signed it",
                             SUBJECT_SHOWN, found);
    char *expected = expected_authority(check);
    char *text = memory_format("is vouched for by \"%.*s\", expected %s", SUBJECT_SHOWN, found, expected);
    free(expected);
    return text;
}

static char *reason_of_none(const struct tls_check *check)
{
    if (!check->authority[0])
        return memory_text("is self-signed, and not trusted here");
    char *expected = expected_authority(check);
    char *text = memory_format("is self-signed, expected one that %s vouches for", expected);
    free(expected);
    return text;
}

/* Fresh memory. */
static char *reason(const struct tls_check *check, const struct tls_certificate *found, int error)
{
    const char *wanted = check->name ? check->name : "this address";
    switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return reason_of_none(check);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return reason_of_issuer(check, found->issuer);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return memory_format("has expired on %s", found->until);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return memory_format("is not valid before %s", found->from);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return memory_format("is for %.*s, not for %s", SUBJECT_SHOWN,
                             found->names[0] ? found->names : "no name at all", wanted);
    default:
        return memory_format("is refused: %s", X509_verify_cert_error_string(error));
    }
}

/* Fresh memory; "" where nothing was known before, or the key is the same. */
static char *change(const struct tls_check *check, const struct tls_certificate *found)
{
    char before[TLS_PIN_TEXT_SIZE];
    if (!check->before)
        return memory_text("");
    pin_text(check->before, before);
    return strcmp(before, found->pin) == 0
               ? memory_text("")
               : memory_format(". It has changed: before it had the key %s, now %s", before, found->pin);
}

char *tls_check_unvouched(const struct tls_check *check, X509 *certificate, int error)
{
    struct tls_certificate found;
    tls_check_describe(certificate, &found);
    char *why = reason(check, &found, error), *changed = change(check, &found);
    char *text = memory_format("the certificate of %s %s%s. If it is the right one: tls: {pin: \"%s\"}",
                               check->peer, why, changed, found.pin);
    free(why);
    free(changed);
    return utf8_clean(text); /* names were cut */
}

static bool is_pinned(const struct tls_policy_settings *settings, const char *text)
{
    char pin[TLS_PIN_TEXT_SIZE];
    for (size_t i = 0; i < settings->pin_count; i++) {
        pin_text(settings->pins[i], pin);
        if (strcmp(pin, text) == 0)
            return true;
    }
    return false;
}

char *tls_check_not_pinned(const struct tls_check *check, X509 *certificate)
{
    struct tls_certificate found;
    char expected[TLS_PIN_TEXT_SIZE];
    const struct tls_policy_settings *settings = check->settings;
    tls_check_describe(certificate, &found);
    if (is_pinned(settings, found.fingerprint))
        return memory_format("tls.pin holds the fingerprint of the certificate of %s, not of its key, which "
                             "is what a pin is. If it is the right one: tls: {pin: \"%s\"}",
                             check->peer, found.pin);
    pin_text(settings->pins[0], expected);
    return utf8_clean(
        memory_format("the certificate of %s has changed: expected %s%s, found %s (%.*s, until %s). If it "
                      "was changed on purpose: tls: {pin: \"%s\"}",
                      check->peer, expected, settings->pin_count > 1 ? " or another of the list" : "",
                      found.pin, SUBJECT_SHOWN, found.subject, found.until, found.pin));
}

char *tls_check_handshake(const struct tls_check *check, unsigned long error)
{
    int what = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    switch (what) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_UNKNOWN_PROTOCOL:
        return memory_format("%s does not speak TLS; is it http:// instead of https://?", check->peer);
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return memory_format("%s offers neither TLS 1.2 nor 1.3 with ciphers that are safe", check->peer);
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return memory_format("%s closed the connection during the TLS handshake", check->peer);
    default:
        break;
    }
    const char *known = ERR_reason_error_string(error);
    return memory_format("the TLS handshake with %s failed: %s", check->peer, known ? known : "it broke off");
}

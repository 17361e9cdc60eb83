/* `reeve pin ADDRESS`: looks at a certificate with the same hands as a gate, trusts nobody and sends nothing.
 */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/connector.h"

#include "reeve/verbs.h"

enum { PIN_TIMEOUT_MS = 10000, PIN_HOST_SIZE = 256 };

/* "https://nas.lan:9000/" taken apart. */
struct pin_place {
    char host[PIN_HOST_SIZE]; /* without brackets */
    char port[8];
};

struct pin_look {
    struct loop *loop;
    struct tls_policy *policy;
    bool seen;
    struct tls_certificate certificate;
    char *trouble; /* why not */
};

/* --- the address ---------------------------------------------------------------------------------------- */

static bool pin_take(struct slice text, char *place, size_t size)
{
    if (text.size == 0 || text.size >= size)
        return false;
    memcpy(place, text.data, text.size);
    place[text.size] = '\0';
    return true;
}

static bool pin_parse(struct slice text, struct pin_place *place)
{
    static const char *const schemes[] = {"https://", "wss://"};
    uint64_t number = 443;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (slice_starts_with(text, slice_of_text(schemes[i])))
            text = slice_from(text, strlen(schemes[i]));
    text = slice_between(text, 0, slice_find(text, '/'));
    bool brackets = text.size && text.data[0] == '[';
    size_t end = brackets ? slice_find(text, ']') : slice_find(text, ':');
    struct slice host = slice_between(text, brackets, end), rest = slice_from(text, end + brackets);
    if (end == text.size && brackets)
        return false;
    if (rest.size && (rest.data[0] != ':' || !slice_to_u64(slice_from(rest, 1), &number)))
        return false;
    snprintf(place->port, sizeof place->port, "%u", (unsigned)number);
    return number > 0 && number <= UINT16_MAX && pin_take(host, place->host, sizeof place->host);
}

/* --- the look ------------------------------------------------------------------------------------------- */

static void pin_on_connected(void *owner, const struct connector_result *result)
{
    struct pin_look *look = owner;
    struct stream *stream = result->stream;
    look->seen = stream && tls_certificate(stream, &look->certificate);
    free(look->trouble);
    look->trouble =
        look->seen ? NULL : memory_text(result->trouble ? result->trouble : strerror(-result->error));
    stream_close(&stream);
    loop_stop(look->loop);
}

static void pin_connect(struct pin_look *look, const struct addrinfo *found)
{
    struct connector_settings settings = {.policy = look->policy, .timeout_ms = PIN_TIMEOUT_MS};
    if (found->ai_addrlen > sizeof settings.address.local)
        return;
    memcpy(&settings.address.any, found->ai_addr, found->ai_addrlen);
    settings.address.size = found->ai_addrlen;
    connector_start(look->loop, &settings, pin_on_connected, look);
    loop_run(look->loop);
}

/* Each address of the host, until one shows a certificate. */
static void pin_look_at(struct pin_look *look, const struct pin_place *place)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(place->host, place->port, &wanted, &found);
    if (error)
        look->trouble = memory_text(gai_strerror(error));
    for (const struct addrinfo *next = found; next && !look->seen; next = next->ai_next)
        pin_connect(look, next);
    if (found)
        freeaddrinfo(found);
}

static bool pin_is_name(const char *host)
{
    struct addrinfo *found = NULL;
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST};
    bool is_name = getaddrinfo(host, NULL, &numeric, &found) != 0;
    if (found)
        freeaddrinfo(found);
    return is_name;
}

static bool pin_open(struct pin_look *look, const struct pin_place *place)
{
    const struct tls_policy_settings anybody = {.verify = TLS_VERIFY_NONE,
                                                .name = pin_is_name(place->host) ? place->host : NULL};
    *look = (struct pin_look){.loop = loop_new(&clock_system), .policy = tls_policy_new(&anybody, NULL)};
    return look->loop && look->policy;
}

static void pin_close(struct pin_look *look)
{
    tls_policy_release(&look->policy);
    loop_free(&look->loop);
    free(look->trouble);
}

/* --- the answer ----------------------------------------------------------------------------------------- */

static void pin_print(const struct command *command, const struct tls_certificate *found)
{
    if (command->json) {
        command_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "address",
                                     command->arguments[0], "subject", found->subject, "issuer",
                                     found->issuer, "names", found->names, "from", found->from, "until",
                                     found->until, "fingerprint", found->fingerprint, "pin", found->pin));
        return;
    }
    bool own = strcmp(found->subject, found->issuer) == 0;
    printf("subject      %s\nissuer       %s%s\nnames        %s\nvalid        %s to %s\ncertificate  %s\n\n",
           found->subject, found->issuer, own ? " (self-signed)" : "", found->names[0] ? found->names : "-",
           found->from, found->until, found->fingerprint);
    printf("Whoever answers now is whom this pin trusts: compare it with what the machine itself says.\n\n"
           "    tls: {pin: \"%s\"}\n\n%s\n",
           found->pin, found->pin);
}

/* What TLS has to say names the address already. */
static int pin_fail(const struct pin_place *place, const char *trouble)
{
    char *address = memory_format(strchr(place->host, ':') ? "[%s]:%s" : "%s:%s", place->host, place->port);
    bool named = strncmp(trouble, address, strlen(address)) == 0;
    int code = command_fail(COMMAND_FAILED, "%s%s%s", named ? "" : address, named ? "" : ": ", trouble);
    free(address);
    return code;
}

int pin_verb(const struct command *command)
{
    const char *address = command->arguments[0];
    struct pin_place place;
    struct pin_look look;
    int code = COMMAND_DONE;
    if (!pin_parse(slice_of_text(address), &place))
        return command_fail(COMMAND_USAGE, "\"%s\" is no address: host:port or https://host:port", address);
    if (!pin_open(&look, &place))
        return command_fail(COMMAND_FAILED, "%s", strerror(errno));
    pin_look_at(&look, &place);
    if (look.seen)
        pin_print(command, &look.certificate);
    else
        code = pin_fail(&place, look.trouble ? look.trouble : "no address");
    pin_close(&look);
    return code;
}

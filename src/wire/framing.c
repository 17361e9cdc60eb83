/* Decides once per head where its message ends; whatever is ambiguous is an error, never a guess. */
#include <string.h>

#include "wire/framing.h"

/* The one Content-Length as a number; -1 when there is none. */
static enum http1_result framing_content_length(const struct fields *fields, int64_t *length)
{
    *length = -1;
    if (!fields_has(fields, FIELD_CONTENT_LENGTH))
        return HTTP1_DONE;
    uint64_t number = 0;
    if (fields_count(fields, FIELD_CONTENT_LENGTH) != 1 ||
        !slice_to_u64(fields_get(fields, FIELD_CONTENT_LENGTH), &number) || number > INT64_MAX)
        return HTTP1_BAD_LENGTH;
    *length = (int64_t)number;
    return HTTP1_DONE;
}

/* There is a Transfer-Encoding: it must be "chunked" alone, in HTTP/1.1, without Content-Length. */
static enum http1_result framing_coding(const struct http1_head *head)
{
    const struct fields *fields = &head->fields;
    if (head->minor == 0 || fields_has(fields, FIELD_CONTENT_LENGTH) ||
        fields_count(fields, FIELD_TRANSFER_ENCODING) != 1)
        return HTTP1_BAD_CODING;
    struct slice coding = fields_get(fields, FIELD_TRANSFER_ENCODING);
    if (slice_equal_ignore_case(coding, SLICE("chunked")))
        return HTTP1_DONE;
    /* Listed codings: chunked anywhere but last, or twice, has no defined end. */
    struct slice element, last = {0};
    size_t chunked = 0;
    while (fields_list_next(&coding, &element)) {
        chunked += slice_equal_ignore_case(element, SLICE("chunked"));
        last = element;
    }
    bool final = chunked == 1 && slice_equal_ignore_case(last, SLICE("chunked"));
    return last.size > 0 && (final || chunked == 0) ? HTTP1_OTHER_CODING : HTTP1_BAD_CODING;
}

static enum http1_result framing_body_of(const struct http1_head *head, struct framing *framing)
{
    if (fields_has(&head->fields, FIELD_TRANSFER_ENCODING)) {
        framing->length = -1;
        framing->body = FRAMING_CHUNKED;
        return framing_coding(head);
    }
    enum http1_result result = framing_content_length(&head->fields, &framing->length);
    framing->body = framing->length > 0 ? FRAMING_LENGTH : FRAMING_NONE;
    return result;
}

/* What the Connection fields name. */
struct framing_options {
    bool close;
    bool keep_alive;
    bool upgrade;
    bool others; /* names of fields */
};

static void framing_option(struct framing_options *options, struct slice option)
{
    if (slice_equal_ignore_case(option, SLICE("keep-alive")))
        options->keep_alive = true;
    else if (slice_equal_ignore_case(option, SLICE("close")))
        options->close = true;
    else if (slice_equal_ignore_case(option, SLICE("upgrade")))
        options->upgrade = true;
    else
        options->others = true;
}

static struct framing_options framing_connection(struct http1_head *head, struct framing *framing)
{
    struct framing_options options = {0};
    struct slice value, option;
    size_t place = 0;
    while (fields_each(&head->fields, FIELD_CONNECTION, &place, &value))
        while (fields_list_next(&value, &option))
            framing_option(&options, option);
    if (options.others)
        fields_mark_hop_by_hop(&head->fields);
    framing->keep_alive = !options.close && (head->minor > 0 || options.keep_alive);
    return options;
}

static enum http1_result framing_expect(const struct http1_head *head, struct framing *framing)
{
    if (!fields_has(&head->fields, FIELD_EXPECT) || head->minor == 0)
        return HTTP1_DONE;
    if (fields_count(&head->fields, FIELD_EXPECT) != 1 ||
        !slice_equal_ignore_case(fields_get(&head->fields, FIELD_EXPECT), SLICE("100-continue")))
        return HTTP1_BAD_EXPECT;
    framing->expect_continue = framing->body != FRAMING_NONE;
    return HTTP1_DONE;
}

/* h2c was abandoned (RFC 9113 §3.1), and clients offer it on any request: such an offer is passed over, as
 * every server may. */
static enum http1_result framing_upgrade(const struct http1_head *head, struct framing *framing,
                                         const struct framing_options *options)
{
    if (!options->upgrade || head->minor == 0 || !fields_has(&head->fields, FIELD_UPGRADE))
        return HTTP1_DONE;
    if (fields_count(&head->fields, FIELD_UPGRADE) == 1 &&
        slice_equal_ignore_case(fields_get(&head->fields, FIELD_UPGRADE), SLICE("h2c")))
        return HTTP1_DONE;
    framing->upgrade = true;
    return framing->body == FRAMING_NONE ? HTTP1_DONE : HTTP1_BAD_UPGRADE;
}

/* "http://host/path" and "https://host/path"; any other scheme is not ours to serve. */
static enum http1_result framing_absolute(struct slice target, struct framing *framing)
{
    size_t scheme = slice_equal_ignore_case(slice_between(target, 0, 7), SLICE("http://"))    ? 7
                    : slice_equal_ignore_case(slice_between(target, 0, 8), SLICE("https://")) ? 8
                                                                                              : 0;
    if (scheme == 0)
        return HTTP1_BAD_TARGET;
    struct slice rest = slice_from(target, scheme);
    size_t end = 0;
    while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?' && rest.data[end] != '#')
        end++;
    framing->form = FRAMING_ABSOLUTE;
    framing->authority = slice_of(rest.data, end);
    framing->path = slice_from(rest, end);
    if (!uri_read_host(framing->authority, &framing->host))
        return HTTP1_BAD_TARGET;
    if (framing->path.size == 0)
        framing->path = SLICE("/");
    /* "http://host?query" has a query that no slice of ours could show behind a "/". */
    return framing->path.data[0] == '/' ? HTTP1_DONE : HTTP1_BAD_TARGET;
}

static enum http1_result framing_target(const struct http1_head *head, struct framing *framing)
{
    struct slice target = head->target;
    framing->path = target;
    if (head->method == HTTP1_CONNECT) {
        framing->form = FRAMING_AUTHORITY;
        framing->authority = target;
        return uri_read_host(target, &framing->host) ? HTTP1_DONE : HTTP1_BAD_TARGET;
    }
    if (target.data[0] == '/') {
        framing->form = FRAMING_ORIGIN;
        return HTTP1_DONE;
    }
    if (target.data[0] != '*')
        return framing_absolute(target, framing);
    framing->form = FRAMING_ASTERISK;
    return target.size == 1 && head->method == HTTP1_OPTIONS ? HTTP1_DONE : HTTP1_BAD_TARGET;
}

/* Host must be there once and be well-formed even when an absolute target overrules it (RFC 9112 §3.2). */
static enum http1_result framing_host(const struct http1_head *head, struct uri_memo *memo,
                                      struct framing *framing)
{
    size_t count = fields_count(&head->fields, FIELD_HOST);
    if (count > 1 || (count == 0 && head->minor > 0))
        return HTTP1_BAD_HOST;
    struct slice authority = fields_get(&head->fields, FIELD_HOST);
    struct uri_host host = {0};
    if (count == 1 && !uri_read_host_again(authority, memo, &host))
        return HTTP1_BAD_HOST;
    if (framing->form == FRAMING_ORIGIN || framing->form == FRAMING_ASTERISK) {
        framing->authority = authority;
        framing->host = host;
    }
    return HTTP1_DONE;
}

enum http1_result framing_of_request(struct http1_head *head, struct uri_memo *memo, struct framing *framing)
{
    *framing = (struct framing){0};
    enum http1_result result = framing_target(head, framing);
    if (result == HTTP1_DONE)
        result = framing_host(head, memo, framing);
    if (result == HTTP1_DONE)
        result = framing_body_of(head, framing);
    if (result != HTTP1_DONE)
        return result;
    if (framing->length < 0 && framing->body == FRAMING_NONE)
        framing->length = 0;
    struct framing_options options = framing_connection(head, framing);
    result = framing_expect(head, framing);
    return result == HTTP1_DONE ? framing_upgrade(head, framing, &options) : result;
}

static bool framing_status_has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

enum http1_result framing_of_response(struct http1_head *head, enum http1_method method,
                                      struct framing *framing)
{
    *framing = (struct framing){0};
    enum http1_result result = framing_body_of(head, framing);
    if (result != HTTP1_DONE)
        return result;
    /* RFC 9112 §6.1: never a coding here; a program that sends one has a body that we would take for the next
     * head. */
    if ((head->status < 200 || head->status == 204) && framing->body == FRAMING_CHUNKED)
        return HTTP1_BAD_CODING;
    if (head->status == 101 && framing->length > 0)
        return HTTP1_BAD_UPGRADE;
    if (framing_status_has_no_body(head->status) || method == HTTP1_HEAD)
        framing->body = FRAMING_NONE;
    else if (framing->body == FRAMING_NONE && framing->length < 0)
        framing->body = FRAMING_UNTIL_CLOSE;
    if (head->status < 200 || head->status == 204)
        framing->length = 0;
    framing_connection(head, framing);
    framing->upgrade = head->status == 101;
    framing->keep_alive = framing->keep_alive && framing->body != FRAMING_UNTIL_CLOSE;
    return HTTP1_DONE;
}

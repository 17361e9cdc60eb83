/* Everything is checked before the first byte is appended, and each line is appended at once. */
#include <string.h>

#include "base/check.h"
#include "wire/http1_write.h"
#include "wire/span.h"

enum { HTTP1_WRITE_STATUSES = 512, HTTP1_WRITE_PREFIX = sizeof("HTTP/1.1 200 ") - 1 };

/* Whole status lines, so that writing one is a copy. */
static const struct {
    uint8_t size;
    char line[HTTP1_WRITE_STATUS_MOST];
} status_lines[HTTP1_WRITE_STATUSES] = {
#define HTTP1_WRITE_ROW(status, reason)                                                                      \
    [status] = {sizeof("HTTP/1.1 " #status " " reason "\r\n") - 1, "HTTP/1.1 " #status " " reason "\r\n"}
    HTTP1_WRITE_ROW(100, "Continue"),
    HTTP1_WRITE_ROW(101, "Switching Protocols"),
    HTTP1_WRITE_ROW(102, "Processing"),
    HTTP1_WRITE_ROW(103, "Early Hints"),
    HTTP1_WRITE_ROW(200, "OK"),
    HTTP1_WRITE_ROW(201, "Created"),
    HTTP1_WRITE_ROW(202, "Accepted"),
    HTTP1_WRITE_ROW(203, "Non-Authoritative Information"),
    HTTP1_WRITE_ROW(204, "No Content"),
    HTTP1_WRITE_ROW(205, "Reset Content"),
    HTTP1_WRITE_ROW(206, "Partial Content"),
    HTTP1_WRITE_ROW(207, "Multi-Status"),
    HTTP1_WRITE_ROW(208, "Already Reported"),
    HTTP1_WRITE_ROW(226, "IM Used"),
    HTTP1_WRITE_ROW(300, "Multiple Choices"),
    HTTP1_WRITE_ROW(301, "Moved Permanently"),
    HTTP1_WRITE_ROW(302, "Found"),
    HTTP1_WRITE_ROW(303, "See Other"),
    HTTP1_WRITE_ROW(304, "Not Modified"),
    HTTP1_WRITE_ROW(305, "Use Proxy"),
    HTTP1_WRITE_ROW(307, "Temporary Redirect"),
    HTTP1_WRITE_ROW(308, "Permanent Redirect"),
    HTTP1_WRITE_ROW(400, "Bad Request"),
    HTTP1_WRITE_ROW(401, "Unauthorized"),
    HTTP1_WRITE_ROW(402, "Payment Required"),
    HTTP1_WRITE_ROW(403, "Forbidden"),
    HTTP1_WRITE_ROW(404, "Not Found"),
    HTTP1_WRITE_ROW(405, "Method Not Allowed"),
    HTTP1_WRITE_ROW(406, "Not Acceptable"),
    HTTP1_WRITE_ROW(407, "Proxy Authentication Required"),
    HTTP1_WRITE_ROW(408, "Request Timeout"),
    HTTP1_WRITE_ROW(409, "Conflict"),
    HTTP1_WRITE_ROW(410, "Gone"),
    HTTP1_WRITE_ROW(411, "Length Required"),
    HTTP1_WRITE_ROW(412, "Precondition Failed"),
    HTTP1_WRITE_ROW(413, "Content Too Large"),
    HTTP1_WRITE_ROW(414, "URI Too Long"),
    HTTP1_WRITE_ROW(415, "Unsupported Media Type"),
    HTTP1_WRITE_ROW(416, "Range Not Satisfiable"),
    HTTP1_WRITE_ROW(417, "Expectation Failed"),
    HTTP1_WRITE_ROW(421, "Misdirected Request"),
    HTTP1_WRITE_ROW(422, "Unprocessable Content"),
    HTTP1_WRITE_ROW(423, "Locked"),
    HTTP1_WRITE_ROW(424, "Failed Dependency"),
    HTTP1_WRITE_ROW(425, "Too Early"),
    HTTP1_WRITE_ROW(426, "Upgrade Required"),
    HTTP1_WRITE_ROW(428, "Precondition Required"),
    HTTP1_WRITE_ROW(429, "Too Many Requests"),
    HTTP1_WRITE_ROW(431, "Request Header Fields Too Large"),
    HTTP1_WRITE_ROW(451, "Unavailable For Legal Reasons"),
    HTTP1_WRITE_ROW(500, "Internal Server Error"),
    HTTP1_WRITE_ROW(501, "Not Implemented"),
    HTTP1_WRITE_ROW(502, "Bad Gateway"),
    HTTP1_WRITE_ROW(503, "Service Unavailable"),
    HTTP1_WRITE_ROW(504, "Gateway Timeout"),
    HTTP1_WRITE_ROW(505, "HTTP Version Not Supported"),
    HTTP1_WRITE_ROW(506, "Variant Also Negotiates"),
    HTTP1_WRITE_ROW(507, "Insufficient Storage"),
    HTTP1_WRITE_ROW(508, "Loop Detected"),
    HTTP1_WRITE_ROW(511, "Network Authentication Required"),
#undef HTTP1_WRITE_ROW
};

struct slice http1_write_reason(unsigned status)
{
    if (status >= HTTP1_WRITE_STATUSES || status_lines[status].size == 0)
        return (struct slice){0};
    return slice_of(status_lines[status].line + HTTP1_WRITE_PREFIX,
                    status_lines[status].size - HTTP1_WRITE_PREFIX - 2u);
}

char *http1_write_status_line(char *at, unsigned status)
{
    CHECK(status >= 100 && status <= 999);
    if (status < HTTP1_WRITE_STATUSES && status_lines[status].size > 0) {
        memcpy(at, status_lines[status].line, HTTP1_WRITE_STATUS_MOST);
        return at + status_lines[status].size;
    }
    char *end = slice_put(at, SLICE("HTTP/1.1 000 \r\n"));
    at[9] = (char)('0' + status / 100);
    at[10] = (char)('0' + status / 10 % 10);
    at[11] = (char)('0' + status % 10);
    return end;
}

bool http1_write_status(struct buffer *buffer, unsigned status)
{
    char line[HTTP1_WRITE_STATUS_MOST];
    return buffer_append(buffer, slice_of(line, (size_t)(http1_write_status_line(line, status) - line)));
}

bool http1_write_request(struct buffer *buffer, struct slice method, struct slice target)
{
    const struct slice tail = SLICE(" HTTP/1.1\r\n");
    if (!fields_name_is_valid(method) || target.size == 0 ||
        span_target(target.data, target.size) != target.size)
        return false;
    size_t size = method.size + 1 + target.size + tail.size;
    char *at = buffer_reserve(buffer, size);
    if (!at)
        return false;
    at = slice_put(at, method);
    *at++ = ' ';
    at = slice_put(at, target);
    slice_put(at, tail);
    buffer_added(buffer, size);
    return true;
}

bool http1_write_may(struct slice name, struct slice value)
{
    return fields_name_is_valid(name) && span_value(value.data, value.size) == value.size;
}

bool http1_write_known_field(struct buffer *buffer, struct slice name, struct slice value)
{
    size_t size = http1_write_size(name, value);
    char *at = buffer_reserve(buffer, size);
    if (!at)
        return false;
    http1_write_line(at, name, value);
    buffer_added(buffer, size);
    return true;
}

bool http1_write_field(struct buffer *buffer, struct slice name, struct slice value)
{
    return http1_write_may(name, value) && http1_write_known_field(buffer, name, value);
}

/* The digits of a number, at the end of `digits`. */
static struct slice http1_write_digits(char digits[HTTP1_WRITE_NUMBER_MOST], uint64_t number)
{
    size_t start = HTTP1_WRITE_NUMBER_MOST;
    do
        digits[--start] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return slice_of(digits + start, HTTP1_WRITE_NUMBER_MOST - start);
}

char *http1_write_number_line(char *at, struct slice name, uint64_t number)
{
    char digits[HTTP1_WRITE_NUMBER_MOST];
    return http1_write_line(at, name, http1_write_digits(digits, number));
}

bool http1_write_number(struct buffer *buffer, struct slice name, uint64_t number)
{
    char digits[HTTP1_WRITE_NUMBER_MOST];
    return http1_write_known_field(buffer, name, http1_write_digits(digits, number));
}

bool http1_write_end(struct buffer *buffer)
{
    return buffer_append(buffer, SLICE("\r\n"));
}

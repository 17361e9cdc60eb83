#include <inttypes.h>
#include <stdio.h>

#include "wire/topic.h"

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

/* [A-Za-z0-9][A-Za-z0-9._-]* */
static bool is_name(struct slice text)
{
    bool fits = text.size > 0 && is_plain(text.data[0]);
    for (size_t i = 1; fits && i < text.size; i++)
        fits = is_plain(text.data[i]) || memchr("._-", text.data[i], 3);
    return fits;
}

/* "api" or "shell/a1" */
static bool is_target(struct slice text)
{
    struct slice rest = text, name, id;
    if (text.size > TOPIC_TARGET_MOST || !slice_next(&rest, '/', &name) || !is_name(name))
        return false;
    return !rest.data || (slice_next(&rest, '/', &id) && !rest.data && is_name(id));
}

static bool read_topic(struct slice text, struct topic *topic)
{
    static const struct {
        enum topic_kind kind;
        struct slice start;
        bool target;
    } rows[] = {{TOPIC_TARGETS, SLICE("targets"), false},
                {TOPIC_JOURNAL, SLICE("journal"), false},
                {TOPIC_HISTORY, SLICE("history:"), true},
                {TOPIC_LOG, SLICE("log:"), true},
                {TOPIC_EVENTS, SLICE("events:"), true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!slice_starts_with(text, rows[i].start))
            continue;
        struct slice rest = slice_from(text, rows[i].start.size);
        *topic = (struct topic){.kind = rows[i].kind, .text = text, .target = rest};
        return rows[i].target ? is_target(rest) : rest.size == 0;
    }
    return false;
}

bool topic_read_list(struct slice list, struct topic topics[TOPIC_MOST], size_t *count)
{
    struct slice text;
    *count = 0;
    while (list.data && slice_next(&list, ',', &text)) {
        if (*count == TOPIC_MOST || !read_topic(text, &topics[*count]))
            return false;
        for (size_t i = 0; i < *count; i++)
            if (slice_equal(topics[i].text, text))
                return false;
        (*count)++;
    }
    return *count > 0;
}

/* FNV-1a, 32 bits. */
uint32_t topic_hash(struct slice list)
{
    uint32_t hash = 2166136261;
    for (size_t i = 0; i < list.size; i++)
        hash = (hash ^ (uint8_t)list.data[i]) * 16777619;
    return hash ? hash : 1;
}

size_t topic_format_id(const struct topic_places *places, char text[TOPIC_ID_SIZE])
{
    size_t size = (size_t)snprintf(text, TOPIC_ID_SIZE, "%" PRIx32, places->list);
    for (size_t i = 0; i < places->count; i++) {
        text[size++] = ';';
        size += event_id_format(&places->items[i], text + size);
    }
    return size;
}

/* As "%x" writes it, and not 0. */
static bool parse_list(struct slice digits, uint32_t *list)
{
    *list = 0;
    for (size_t i = 0; i < digits.size; i++) {
        char c = digits.data[i];
        if (i == 8 || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || (i == 0 && c == '0'))
            return false;
        *list = *list * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return digits.size > 0;
}

bool topic_parse_id(struct slice text, struct topic_places *places)
{
    struct slice part;
    *places = (struct topic_places){0};
    if (!text.data || !slice_next(&text, ';', &part) || !parse_list(part, &places->list))
        return false;
    while (text.data && slice_next(&text, ';', &part)) {
        if (places->count == TOPIC_MOST || !event_id_parse(part, &places->items[places->count]))
            return false;
        places->count++;
    }
    return places->count > 0;
}

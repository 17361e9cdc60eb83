/* Text types say charset=utf-8, because browsers guess otherwise. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "route/media.h"

enum { EXTENSION_LONGEST = 16, HASH_SHORTEST = 8 };

struct media_row {
    const char *extension;
    const char *type;
};

#define UTF_8 "; charset=utf-8"

/* Sorted by extension. */
static const struct media_row media_rows[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"br", "application/octet-stream"},
    {"cjs", "text/javascript" UTF_8},
    {"css", "text/css" UTF_8},
    {"csv", "text/csv" UTF_8},
    {"eot", "application/vnd.ms-fontobject"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html" UTF_8},
    {"html", "text/html" UTF_8},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar" UTF_8},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript" UTF_8},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jsonl", "application/jsonl"},
    {"jxl", "image/jxl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown" UTF_8},
    {"mjs", "text/javascript" UTF_8},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain" UTF_8},
    {"vtt", "text/vtt" UTF_8},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

static struct slice last_segment(struct slice name)
{
    size_t start = name.size;
    while (start > 0 && name.data[start - 1] != '/')
        start--;
    return slice_from(name, start);
}

/* The index of the last `byte`, or size. */
static size_t find_last(struct slice text, char byte)
{
    for (size_t i = text.size; i > 0; i--)
        if (text.data[i - 1] == byte)
            return i - 1;
    return text.size;
}

static int media_order(const void *key, const void *row)
{
    return strcmp(key, ((const struct media_row *)row)->extension);
}

static const char *find_type(struct slice name)
{
    struct slice file = last_segment(name);
    struct slice extension = slice_from(file, find_last(file, '.') + 1);
    char key[EXTENSION_LONGEST];
    if (extension.size == 0 || extension.size >= sizeof key)
        return NULL;
    for (size_t i = 0; i < extension.size; i++)
        key[i] = (char)tolower((unsigned char)extension.data[i]);
    key[extension.size] = '\0';
    const struct media_row *row =
        bsearch(key, media_rows, sizeof media_rows / sizeof *media_rows, sizeof *media_rows, media_order);
    return row ? row->type : NULL;
}

/* base64url without '-', which as often joins words ("foo-bar-sub2.js"). */
static bool is_hash_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_';
}

struct slice media_type(struct slice name)
{
    const char *type = find_type(name);
    return slice_of_text(type ? type : "application/octet-stream");
}

bool media_is_html(struct slice name)
{
    return slice_starts_with(media_type(name), SLICE("text/html"));
}

bool media_is_hashed(struct slice name)
{
    struct slice file = last_segment(name), stem = slice_between(file, 0, find_last(file, '.'));
    if (slice_ends_with(file, SLICE(".map")))
        stem = slice_between(stem, 0, find_last(stem, '.'));
    bool digit = false, letter = false;
    size_t start = stem.size;
    for (; start > 0 && is_hash_byte(stem.data[start - 1]); start--) {
        digit |= isdigit((unsigned char)stem.data[start - 1]) != 0;
        letter |= isalpha((unsigned char)stem.data[start - 1]) != 0;
    }
    if (start == 0 || stem.size - start < HASH_SHORTEST || !digit || !letter)
        return false;
    return stem.data[start - 1] == '-' || stem.data[start - 1] == '.';
}

/* The rules of which file answers; how it is found is files_cache's, which part of it is conditions'. */
#include "route/files.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/uri.h"

#include "route/conditions.h"
#include "route/file_body.h"
#include "route/files_cache.h"
#include "route/navigation.h"
#include "route/problem.h"
#include "route/slash.h"

struct files {
    struct files_cache *cache;
    char *fallback;
};

struct files *files_new(int root, const char *fallback)
{
    struct files *files = MEMORY_NEW(struct files);
    files->cache = files_cache_new(root);
    files->fallback = memory_text(fallback);
    return files;
}

void files_free(struct files **files)
{
    if (!*files)
        return;
    files_cache_free(&(*files)->cache);
    free((*files)->fallback);
    free(*files);
    *files = NULL;
}

static bool is_hidden(struct slice path)
{
    struct slice segment;
    while (path.data && uri_next_segment(&path, &segment))
        if (segment.size > 0 && segment.data[0] == '.' && !slice_equal(segment, SLICE(".well-known")))
            return true;
    return false;
}

static void send_part(struct exchange *exchange, const struct files_file *file,
                      const struct conditions_part *part)
{
    struct exchange_field fields[FILES_CACHE_FIELDS + 1];
    char range[80];
    int size = snprintf(range, sizeof range, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, part->start,
                        part->start + part->size - 1, (int64_t)file->identity.size);
    memcpy(fields, file->fields, file->field_count * sizeof *fields);
    fields[file->field_count] =
        (struct exchange_field){SLICE("Content-Range"), slice_of(range, (size_t)size)};
    if (file->content)
        exchange_reply(exchange, 206, fields, file->field_count + 1,
                       slice_of(file->content + part->start, (size_t)part->size));
    else if (exchange_head(exchange, 206, fields, file->field_count + 1, part->size))
        file_body_send(exchange, file->fd, part->start, part->size);
}

static void send_outside(struct exchange *exchange, const struct files_file *file)
{
    char range[48];
    int size = snprintf(range, sizeof range, "bytes */%" PRId64, (int64_t)file->identity.size);
    struct exchange_field field = {SLICE("Content-Range"), slice_of(range, (size_t)size)};
    exchange_reply(exchange, 416, &field, 1, (struct slice){0});
}

static void send_whole(struct exchange *exchange, const struct files_file *file)
{
    int64_t size = file->identity.size;
    if (file->content)
        exchange_reply(exchange, 200, file->fields, file->field_count, slice_of(file->content, (size_t)size));
    else if (exchange_head(exchange, 200, file->fields, file->field_count, size))
        file_body_send(exchange, file->fd, 0, size);
}

static void send_file(struct exchange *exchange, const struct files_file *file)
{
    struct conditions_file about = {.size = file->identity.size,
                                    .etag = file->fields[1].value,
                                    .modified = file->fields[2].value,
                                    .modified_s = file->identity.modified.tv_sec};
    struct conditions_part part;
    int status = conditions_check(exchange_request(exchange)->head, &about, &part);
    if (status == 200)
        send_whole(exchange, file);
    else if (status == 206)
        send_part(exchange, file, &part);
    else if (status == 304)
        exchange_reply(exchange, 304, file->fields + 1, file->field_count - 1, (struct slice){0});
    else
        send_outside(exchange, file);
    if ((status == 304 || status == 416) && file->fd >= 0)
        close(file->fd);
}

/* What "GET rest" names: the file itself or the index of a directory. 0, or an errno. */
static int find(struct files *files, struct slice rest, int64_t now_us, struct files_file *spare,
                const struct files_file **file)
{
    char path[PATH_MAX];
    bool directory = rest.size <= 1 || rest.data[rest.size - 1] == '/';
    int size = snprintf(path, sizeof path, "%.*s%s", (int)(rest.size ? rest.size - 1 : 0),
                        rest.size ? rest.data + 1 : "", directory ? "index.html" : "");
    int error = 0;
    if ((size_t)size >= sizeof path)
        return ENOENT;
    *file = files_cache_open(files->cache, path, now_us, spare, &error);
    return *file ? 0 : error;
}

/* A directory that was asked for without its slash: relative links in its page need one. */
static bool redirect_directory(struct files *files, struct exchange *exchange, struct slice rest,
                               int64_t now_us)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, SLICE_FORMAT "/", SLICE_ARGUMENTS(rest));
    struct files_file spare;
    const struct files_file *file;
    if ((size_t)size >= sizeof path || find(files, slice_of(path, (size_t)size), now_us, &spare, &file) != 0)
        return false;
    if (file->fd >= 0)
        close(file->fd);
    return slash_redirect(exchange);
}

static bool answer_with_fallback(struct files *files, struct exchange *exchange, int64_t now_us)
{
    const struct exchange_request *request = exchange_request(exchange);
    struct files_file spare;
    int error;
    if (!files->fallback || !navigation_may_fall_back(request->head, request->path))
        return false;
    const struct files_file *file = files_cache_open(files->cache, files->fallback, now_us, &spare, &error);
    if (file)
        send_file(exchange, file);
    return file != NULL;
}

static void answer_missing(struct exchange *exchange, int error)
{
    if (error == ENOENT || error == EISDIR)
        problem_reply_status(exchange, 404, "There is no such file.");
    else if (error == EACCES || error == EPERM)
        problem_reply_status(exchange, 403, "The file cannot be read by the user that reeve's gates run as.");
    else
        problem_reply_status(exchange, 503, strerror(error));
}

static void answer_get(struct files *files, struct exchange *exchange, struct slice rest)
{
    int64_t now_us = loop_now_us(exchange_loop(exchange));
    struct files_file spare;
    const struct files_file *file;
    int error = find(files, rest, now_us, &spare, &file);
    if (error == 0)
        send_file(exchange, file);
    else if (error == EISDIR && redirect_directory(files, exchange, rest, now_us))
        return;
    else if ((error == ENOENT || error == EISDIR) && answer_with_fallback(files, exchange, now_us))
        return;
    else
        answer_missing(exchange, error);
}

void files_answer(struct files *files, struct exchange *exchange, const struct match_result *match)
{
    const struct http1_head *head = exchange_request(exchange)->head;
    if (head->method != HTTP1_GET && head->method != HTTP1_HEAD) {
        problem_reply(exchange, &(struct problem){.status = 405,
                                                  .type = "method-not-allowed",
                                                  .title = "Method not allowed",
                                                  .detail = "Files are read with GET and HEAD.",
                                                  .allow = "GET, HEAD"});
        return;
    }
    if (is_hidden(match->rest)) {
        problem_reply_status(exchange, 404, "There is no such file.");
        return;
    }
    if (match->bare && navigation_is(head) && slash_redirect(exchange))
        return;
    answer_get(files, exchange, match->rest);
}

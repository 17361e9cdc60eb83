/* The rules of which file answers; how it is found is files_cache's, which part of it is conditions'. */
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
#include "route/files.h"
#include "route/files_cache.h"
#include "route/navigation.h"
#include "route/problem.h"
#include "route/slash.h"

struct files {
    struct files_cache *cache;
    char *fallback;
    struct hidden *hidden;
};

struct files *files_new(int root, const char *fallback, struct hidden *hidden)
{
    struct files *files = MEMORY_NEW(struct files);
    files->hidden = hidden;
    files->cache = files_cache_new(root, hidden);
    files->fallback = memory_text(fallback);
    return files;
}

void files_free(struct files **files)
{
    if (!*files)
        return;
    files_cache_free(&(*files)->cache);
    hidden_free(&(*files)->hidden);
    free((*files)->fallback);
    free(*files);
    *files = NULL;
}

/* --- what is sent of a file that was found ------------------------------------------------------- */

/* `range` goes behind the file's own fields when it is not empty. */
static void send_stretch(struct exchange *exchange, int status, const struct files_file *file,
                         struct exchange_field range, const struct range *part)
{
    const struct exchange_field fields[] = {{.value = file->lines}, range};
    size_t count = range.name.size > 0 ? 2 : 1;
    if (file->content) {
        exchange_reply(exchange, status, fields, count, slice_of(file->content + part->start, part->size));
        return;
    }
    bool fits = exchange_head(exchange, status, fields, count, (int64_t)part->size);
    CHECK(fits); /* all fields are ours */
    file_body_send(exchange, file->fd, part);
}

static void send_without_content(struct exchange *exchange, int status, const struct files_file *file,
                                 struct exchange_field field)
{
    exchange_reply(exchange, status, &field, 1, (struct slice){0});
    if (file->fd >= 0)
        close(file->fd);
}

static void send_file(struct exchange *exchange, const struct files_file *file)
{
    uint64_t size = (uint64_t)file->identity.size;
    struct conditions_file about = {
        .size = size, .etag = file->etag, .modified = file->identity.modified.tv_sec};
    const struct exchange_field unchanged = {.value = slice_from(file->lines, file->type_size)};
    struct exchange_field range = {0};
    struct range part;
    char text[80];
    int status = conditions_check(exchange_request(exchange)->head, &about,
                                  loop_clock(exchange_loop(exchange)), &part);
    if (status == 206)
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.start,
                 part.start + part.size - 1, size);
    else if (status == 416)
        snprintf(text, sizeof text, "bytes */%" PRIu64, size);
    if (status == 206 || status == 416)
        range = (struct exchange_field){SLICE("Content-Range"), slice_of_text(text)};
    if (status == 304 || status == 412 || status == 416)
        send_without_content(exchange, status, file, status == 304 ? unchanged : range);
    else
        send_stretch(exchange, status, file, range, &part);
}

/* --- which file ---------------------------------------------------------------------------------- */

/* What is reeve's own, names with a dot in front, and whatever is called as a configuration is. */
static bool is_hidden(const struct files *files, struct slice path)
{
    struct slice segment;
    if (hidden_has(files->hidden, path))
        return true;
    while (path.data && uri_next_segment(&path, &segment)) {
        bool dotted =
            segment.size > 0 && segment.data[0] == '.' && !slice_equal(segment, SLICE(".well-known"));
        if (dotted || slice_equal(segment, SLICE("reeve.yaml")))
            return true;
    }
    return false;
}

/* What GET of `rest` (with its slash at the front, or empty) names: the file, or with a slash at the end the
 * index of a directory. 0 or an errno. */
static int find(struct files *files, struct slice rest, int64_t now_us, struct files_file *spare,
                const struct files_file **file)
{
    static const char index[] = "index.html";
    char path[PATH_MAX];
    struct slice name = slice_from(rest, 1);
    bool directory = name.size == 0 || name.data[name.size - 1] == '/';
    int error = 0;
    if (name.size + sizeof index > sizeof path)
        return ENOENT;
    if (name.size > 0)
        memcpy(path, name.data, name.size);
    memcpy(path + name.size, directory ? index : "", directory ? sizeof index : 1);
    *file = files_cache_open(files->cache, path, now_us, spare, &error);
    return *file ? 0 : error;
}

/* A directory that was asked for without its slash: the relative links of its page need one. */
static bool redirect_directory(struct files *files, struct exchange *exchange, struct slice rest,
                               int64_t now_us)
{
    struct files_file spare;
    const struct files_file *file;
    struct slice path = arena_format(exchange_arena(exchange), SLICE_FORMAT "/", SLICE_ARGUMENTS(rest));
    if (!path.data || find(files, path, now_us, &spare, &file) != 0)
        return false;
    if (file->fd >= 0)
        close(file->fd);
    return slash_redirect(exchange);
}

static bool answer_with_fallback(struct files *files, struct exchange *exchange, int64_t now_us)
{
    struct files_file spare;
    int error;
    const struct exchange_request *request = exchange_request(exchange);
    if (!files->fallback || !navigation_may_fall_back(request->head, request->path))
        return false;
    const struct files_file *file = files_cache_open(files->cache, files->fallback, now_us, &spare, &error);
    if (file)
        send_file(exchange, file);
    return file != NULL;
}

static void answer_error(const struct files *files, struct exchange *exchange, int error)
{
    if (files_cache_lost_root(files->cache))
        problem_reply_status(exchange, 503,
                             "The directory of this route was deleted or replaced after reeve had opened it. "
                             "Restart reeve to serve the new one.");
    else if (error == ENOENT || error == EISDIR)
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
    bool missing = error == ENOENT || error == EISDIR;
    if (error == 0)
        send_file(exchange, file);
    else if (error == EISDIR && redirect_directory(files, exchange, rest, now_us))
        return;
    else if (!missing || !answer_with_fallback(files, exchange, now_us))
        answer_error(files, exchange, error);
}

void files_answer(struct files *files, struct exchange *exchange, const struct match_result *match)
{
    const struct http1_head *head = exchange_request(exchange)->head;
    if (head->method != HTTP1_GET && head->method != HTTP1_HEAD)
        problem_reply(exchange, &(struct problem){.status = 405,
                                                  .type = "method-not-allowed",
                                                  .title = "Method not allowed",
                                                  .detail = "Files are read with GET and HEAD.",
                                                  .allow = "GET, HEAD"});
    else if (is_hidden(files, match->rest))
        problem_reply_status(exchange, 404, "There is no such file.");
    else if (!match->bare || !navigation_is(head) || !slash_redirect(exchange))
        answer_get(files, exchange, match->rest);
}

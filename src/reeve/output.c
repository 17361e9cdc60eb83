#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "keep/record.h"
#include "wire/logline.h"

#include "reeve/change.h"
#include "reeve/output.h"

enum { OUTPUT_LINE_LIMIT = LOGLINE_RECORD_LARGEST * 2, OUTPUT_HELD_LIMIT = 1 << 18 };

struct output_service {
    struct output *output;
    const char *name;
    size_t index;
    struct follow *follow; /* NULL: its log does not exist yet */
    enum target_state state;
};

struct output {
    struct loop *loop;
    struct watches *watches;
    const char *state_directory;
    struct writer *writer;
    struct output_style style;
    bool released;
    struct buffer held; /* what came before the start screen */
    size_t count;
    struct output_service *services;
};

/* --- one record --------------------------------------------------------------------------------------------
 */

static const char *output_colour(size_t index)
{
    static const char *const colours[] = {"\033[36m", "\033[33m", "\033[35m", "\033[32m", "\033[34m"};
    return colours[index % (sizeof colours / sizeof colours[0])];
}

void output_append_plain(struct buffer *out, struct slice text)
{
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        unsigned char byte = i < text.size ? (unsigned char)text.data[i] : 0;
        bool plain = i < text.size && byte != 0x7f && (byte >= 0x20 || byte == '\t');
        if (plain)
            continue;
        buffer_append(out, slice_between(text, start, i));
        if (i < text.size)
            buffer_append_format(out, "\\x%02x", byte);
        start = i + 1;
    }
}

static void output_format_json(struct buffer *out, const char *target, struct slice record)
{
    /* A record is an object of its own: the name goes in behind its first brace. */
    buffer_append_format(out, "{\"target\":\"%s\",", target);
    buffer_append(out, slice_from(record, 1));
    buffer_append_text(out, "\n");
}

void output_format(struct buffer *out, const struct output_style *style, const char *target, size_t index,
                   struct slice record)
{
    struct logline_parsed parsed;
    if (!logline_parse(record, &parsed))
        return;
    if (style->json) {
        output_format_json(out, target, record);
    } else {
        if (style->width > 0)
            buffer_append_format(out, "%s%-*s |%s ", style->colour ? output_colour(index) : "", style->width,
                                 target, style->colour ? "\033[0m" : "");
        if (parsed.line.stream == LOGLINE_REEVE)
            buffer_append_text(out, "reeve: ");
        output_append_plain(out, parsed.line.text);
        buffer_append_text(out, "\n");
    }
    logline_end(&parsed);
}

int output_width(const struct config *config)
{
    size_t width = 1;
    for (size_t i = 0; i < config->services.count; i++) {
        size_t size = strlen(config->services.items[i].name);
        if (config->services.items[i].command.count && size > width)
            width = size;
    }
    return (int)width;
}

int output_open(const char *state_directory, const char *target)
{
    char folder[RECORD_FILE_SIZE];
    char *path = memory_format("%s/log/%s", state_directory, record_folder(target, folder));
    int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    free(path);
    return directory < 0 ? -error : directory;
}

/* --- all services
 * ---------------------------------------------------------------------------------------------- */

static void output_on_line(void *owner, struct slice record)
{
    const struct output_service *service = owner;
    struct output *output = service->output;
    struct buffer line = BUFFER(OUTPUT_LINE_LIMIT);
    output_format(&line, &output->style, service->name, service->index, record);
    if (output->released)
        writer_write(output->writer, buffer_slice(&line));
    else
        buffer_append(&output->held, buffer_slice(&line));
    buffer_free(&line);
}

static void output_follow(struct output_service *service, enum follow_from from)
{
    const struct output *output = service->output;
    int directory = service->follow ? -EEXIST : output_open(output->state_directory, service->name);
    if (directory < 0)
        return;
    service->follow = follow_start(output->watches, directory, from, output_on_line, service);
    close(directory);
}

struct output *output_start(struct loop *loop, const struct config *config, const char *state_directory,
                            struct writer *writer, bool terminal)
{
    struct output *output = MEMORY_NEW(struct output);
    *output = (struct output){
        .loop = loop,
        .watches = watches_new(loop),
        .state_directory = state_directory,
        .writer = writer,
        .style = {.json = !terminal, .colour = terminal, .width = output_width(config)},
        .held = BUFFER(OUTPUT_HELD_LIMIT),
        .services = MEMORY_ARRAY(struct output_service, config->services.count),
    };
    for (size_t i = 0; i < config->services.count; i++) {
        if (config->services.items[i].command.count == 0)
            continue;
        struct output_service *service = &output->services[output->count];
        *service = (struct output_service){
            .output = output, .name = config->services.items[i].name, .index = output->count};
        output->count++;
        output_follow(service, FOLLOW_FROM_END);
    }
    return output;
}

/* What the run wrote before this change comes before it. A writer that is faster than we are has to wait. */
static void output_catch_up(struct output_service *service)
{
    enum { OUTPUT_PIECES = 16 };
    for (int i = 0; i < OUTPUT_PIECES && service->follow && follow_more(service->follow); i++)
        ;
}

/* A line of reeve's own among those of the service. */
static void output_say(struct output_service *service, struct slice text, uint64_t run)
{
    const struct clock *clock = loop_clock(service->output->loop);
    struct buffer record = BUFFER(OUTPUT_LINE_LIMIT);
    logline_append(&record, &(struct logline){.wall_ms = clock->wall_ms(clock),
                                              .run = (int64_t)run,
                                              .stream = LOGLINE_REEVE,
                                              .text = text});
    output_on_line(service, slice_between(buffer_slice(&record), 0, buffer_size(&record) - 1));
    buffer_free(&record);
}

static void output_tell(struct output_service *service, const struct target_row *row)
{
    const struct clock *clock = loop_clock(service->output->loop);
    struct buffer text = BUFFER(4096);
    if (change_append(&text, service->state, row, clock->boottime_ms(clock))) {
        output_catch_up(service);
        output_say(service, buffer_slice(&text), row->generation);
    }
    buffer_free(&text);
}

void output_look(struct output *output, const struct target_row *row)
{
    for (size_t i = 0; output && i < output->count; i++) {
        struct output_service *service = &output->services[i];
        output_follow(service, FOLLOW_FROM_START);
        if (strcmp(service->name, row->name) != 0)
            continue;
        if (output->released) /* the start screen tells what was before it */
            output_tell(service, row);
        service->state = row->state;
    }
}

void output_release(struct output *output)
{
    output->released = true;
    if (buffer_size(&output->held) > 0)
        writer_write(output->writer, buffer_slice(&output->held));
    buffer_free(&output->held);
}

void output_stop(struct output **owned)
{
    struct output *output = *owned;
    if (!output)
        return;
    for (size_t i = 0; i < output->count; i++)
        follow_stop(&output->services[i].follow);
    watches_free(&output->watches);
    buffer_free(&output->held);
    free(output->services);
    free(output);
    *owned = NULL;
}

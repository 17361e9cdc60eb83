#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "keep/record.h"
#include "wire/logline.h"

#include "reeve/change.h"
#include "reeve/output.h"

enum { OUTPUT_LINE_LIMIT = LOGLINE_RECORD_LARGEST * 2, OUTPUT_HELD_LIMIT = 1 << 18 };

/* A service of the configuration that the keeper began with; or, while it runs, an instance, or a service
 * that came with a reload. */
struct output_service {
    struct list link;
    struct output *output;
    char name[TARGET_NAME_SIZE];
    bool passing; /* goes when its run is over */
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
    size_t count;       /* of all that there were: colours in turn */
    struct list services;
};

/* --- one record --------------------------------------------------------------------------------------------
 */

static const char *output_colour(size_t index)
{
    static const char *const colours[] = {"\033[36m", "\033[33m", "\033[35m", "\033[32m", "\033[34m"};
    return colours[index % (sizeof colours / sizeof colours[0])];
}

/* How many bytes of UTF-8 the control character at the start has; 0: there is none. Those from U+0080 to
 * U+009F are single characters for what else is an escape and a letter: U+009B is "ESC [". */
static size_t output_control(struct slice text)
{
    unsigned char first = (unsigned char)text.data[0];
    unsigned char second = text.size > 1 ? (unsigned char)text.data[1] : 0;
    if (first == 0xc2 && second >= 0x80 && second < 0xa0)
        return 2;
    return first == 0x7f || (first < 0x20 && first != '\t') ? 1 : 0;
}

void output_append_plain(struct buffer *out, struct slice text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size;) {
        size_t control = output_control(slice_from(text, i));
        if (control == 0) {
            i++;
            continue;
        }
        buffer_append(out, slice_between(text, start, i));
        i += control;
        buffer_append_format(out, "\\x%02x", (unsigned char)text.data[i - 1]);
        start = i;
    }
    buffer_append(out, slice_from(text, start));
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

static struct output_service *output_add(struct output *output, const char *name)
{
    struct output_service *service = MEMORY_NEW(struct output_service);
    *service = (struct output_service){.output = output, .index = output->count++};
    snprintf(service->name, sizeof service->name, "%s", name);
    list_append(&output->services, &service->link);
    return service;
}

static void output_remove(struct output_service *service)
{
    list_remove(&service->link);
    follow_stop(&service->follow);
    free(service);
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
    };
    list_init(&output->services);
    for (size_t i = 0; i < config->services.count; i++)
        if (config->services.items[i].command.count)
            output_follow(output_add(output, config->services.items[i].name), FOLLOW_FROM_END);
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

static bool output_runs(const struct target_row *row)
{
    return row->state == TARGET_STARTING || row->state == TARGET_READY || row->state == TARGET_STOPPING;
}

/* The log of a first run is new; one of later runs holds what was printed, or not wanted, before. */
static struct output_service *output_find(struct output *output, const struct target_row *row)
{
    LIST_FOR_EACH(link, &output->services)
    {
        struct output_service *service = LIST_ENTRY(link, struct output_service, link);
        if (strcmp(service->name, row->name) == 0)
            return service;
    }
    if (!output_runs(row) || row->generation == 0)
        return NULL;
    struct output_service *service = output_add(output, row->name);
    service->passing = true;
    output_follow(service, output->released && row->generation == 1 ? FOLLOW_FROM_START : FOLLOW_FROM_END);
    return service;
}

void output_look(struct output *output, const struct target_row *row)
{
    struct output_service *service = output ? output_find(output, row) : NULL;
    if (!service)
        return;
    LIST_FOR_EACH(link, &output->services)
    output_follow(LIST_ENTRY(link, struct output_service, link), FOLLOW_FROM_START);
    if (output->released) /* the start screen tells what was before it */
        output_tell(service, row);
    service->state = row->state;
    if (service->passing && !output_runs(row) && row->state != TARGET_BACKOFF)
        output_remove(service);
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
    LIST_FOR_EACH(link, &output->services)
    output_remove(LIST_ENTRY(link, struct output_service, link));
    watches_free(&output->watches);
    buffer_free(&output->held);
    free(output);
    *owned = NULL;
}

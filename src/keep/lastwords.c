/* Read from the files that the hold wrote: it is gone by now, and has flushed them. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "tail/follow.h"
#include "wire/logline.h"

#include "keep/lastwords.h"

enum { LASTWORDS_LINE_MOST = 300 };

struct lastwords {
    int64_t generation;
    char *lines[LASTWORDS_LINES]; /* a ring */
    size_t count;                 /* all that came */
};

static void lastwords_on_line(void *owner, struct slice record)
{
    struct lastwords *words = owner;
    struct logline_parsed parsed;
    if (!logline_parse(record, &parsed))
        return;
    if (parsed.line.run == words->generation) {
        char **place = &words->lines[words->count++ % LASTWORDS_LINES];
        free(*place);
        *place = slice_to_text(slice_between(parsed.line.text, 0, LASTWORDS_LINE_MOST));
        for (char *at = *place; *at; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                *at = '?';
    }
    logline_end(&parsed);
}

char *lastwords_read(const char *state_directory, const char *name, uint64_t generation)
{
    struct lastwords words = {.generation = (int64_t)generation};
    struct buffer text = BUFFER(LASTWORDS_LINES * (LASTWORDS_LINE_MOST + 8));
    char *path = memory_format("%s/log/%s", state_directory, name);
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(path);
    if (directory >= 0) {
        follow_read(directory, lastwords_on_line, &words);
        close(directory);
    }
    size_t first = words.count > LASTWORDS_LINES ? words.count - LASTWORDS_LINES : 0;
    for (size_t i = first; i < words.count; i++)
        buffer_append_format(&text, "\n  %s", words.lines[i % LASTWORDS_LINES]);
    for (size_t i = 0; i < LASTWORDS_LINES; i++)
        free(words.lines[i]);
    char *all = slice_to_text(buffer_slice(&text));
    buffer_free(&text);
    return utf8_clean(all);
}

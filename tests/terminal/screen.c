/* A screen driven by a test: commands on stdin, one frame each, snapshots on stdout.
 *
 *   N columns u16, rows u16, lines u32, live u16   a new screen, with on_output if `live`
 *   F size u32, bytes                    feed
 *   S                                    → size u32, snapshot and pending bytes
 *   R columns u16, rows u16              resize
 *   A                                    → size u32, all answers given since the last A
 *   T                                    → size u32, the rows' text
 *   L                                    → size u32, what viewers got since the last L (on_output) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "screen/screen.h"

struct driver {
    struct screen *screen;
    struct buffer answers, live;
};

static void on_answer(void *owner, struct slice bytes)
{
    buffer_append(&((struct driver *)owner)->answers, bytes);
}

static void on_output(void *owner, struct slice bytes)
{
    buffer_append(&((struct driver *)owner)->live, bytes);
}

static void get(void *to, size_t size)
{
    if (fread(to, 1, size, stdin) != size)
        exit(0);
}

static unsigned get_u16(void)
{
    uint16_t value;
    get(&value, sizeof value);
    return value;
}

static uint32_t get_u32(void)
{
    uint32_t value;
    get(&value, sizeof value);
    return value;
}

static void reply(struct buffer *bytes)
{
    uint32_t size = (uint32_t)buffer_size(bytes);
    fwrite(&size, sizeof size, 1, stdout);
    if (size)
        fwrite(buffer_slice(bytes).data, 1, size, stdout);
    fflush(stdout);
    buffer_clear(bytes);
}

static void begin(struct driver *driver)
{
    int columns = (int)get_u16(), rows = (int)get_u16();
    uint32_t lines = get_u32();
    bool live = get_u16();
    struct screen_settings settings = {.columns = columns,
                                       .rows = rows,
                                       .scrollback_lines = lines,
                                       .scrollback_bytes = 256 << 20,
                                       .on_answer = on_answer,
                                       .on_output = live ? on_output : NULL,
                                       .owner = driver};
    screen_free(&driver->screen);
    driver->screen = screen_new(&settings);
}

static void feed(struct driver *driver)
{
    uint32_t size = get_u32();
    char *bytes = memory_new(size ? size : 1);
    get(bytes, size);
    screen_feed(driver->screen, slice_of(bytes, size));
    free(bytes);
}

static void snapshot(struct driver *driver)
{
    struct buffer out = BUFFER(512 << 20);
    screen_snapshot(driver->screen, &out);
    buffer_append(&out, screen_pending(driver->screen));
    reply(&out);
    buffer_free(&out);
}

static void text(struct driver *driver)
{
    struct buffer out = BUFFER(64 << 20);
    screen_text(driver->screen, (size_t)screen_rows(driver->screen), &out);
    reply(&out);
    buffer_free(&out);
}

static void resize(struct driver *driver)
{
    int columns = (int)get_u16(), rows = (int)get_u16();
    screen_resize(driver->screen, columns, rows);
}

int main(void)
{
    struct driver driver = {.answers = BUFFER(64 << 20), .live = BUFFER(1 << 30)};
    for (int command; (command = getchar()) != EOF;) {
        if (command == 'N')
            begin(&driver);
        else if (command == 'F')
            feed(&driver);
        else if (command == 'S')
            snapshot(&driver);
        else if (command == 'R')
            resize(&driver);
        else if (command == 'T')
            text(&driver);
        else if (command == 'A')
            reply(&driver.answers);
        else if (command == 'L')
            reply(&driver.live);
    }
    screen_free(&driver.screen);
    buffer_free(&driver.answers);
    buffer_free(&driver.live);
    return 0;
}

#include <errno.h>
#include <unistd.h>

#include "wire/terminal.h"

#include "hold/typed.h"

/* Two full records, and room for the hold's own answers. */
enum { TYPED_MOST = 2 * TERMINAL_DATA_LARGEST + 4096, TYPED_IDLE = 4096 };

struct typed typed_new(void)
{
    return (struct typed){.bytes = BUFFER(TYPED_MOST)};
}

bool typed_is_empty(const struct typed *typed)
{
    return buffer_size(&typed->bytes) == 0;
}

bool typed_has_room(const struct typed *typed)
{
    return buffer_room(&typed->bytes) >= TERMINAL_DATA_LARGEST;
}

void typed_add(struct typed *typed, struct slice bytes)
{
    buffer_append(&typed->bytes, bytes);
}

int typed_write(struct typed *typed, int master)
{
    while (!typed_is_empty(typed)) {
        struct slice waiting = buffer_slice(&typed->bytes);
        ssize_t size = write(master, waiting.data, waiting.size);
        if (size < 0)
            return errno == EINTR ? -EAGAIN : -errno;
        buffer_consume(&typed->bytes, (size_t)size);
    }
    if (typed->bytes.capacity > TYPED_IDLE)
        buffer_free(&typed->bytes);
    return 0;
}

void typed_free(struct typed *typed)
{
    buffer_free(&typed->bytes);
}

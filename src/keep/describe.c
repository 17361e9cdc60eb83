#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"

#include "keep/console.h"
#include "keep/describe.h"

json_t *describe_path(const char *path)
{
    char *text = memory_text(path);
    json_t *json = json_string(utf8_clean(text));
    free(text);
    return json;
}

json_t *describe_keeper(const struct describe *describe)
{
    static const char *const phases[] = {"starting", "serving", "stopping"};
    const struct listeners *listeners = describe->listeners;
    json_t *addresses = json_array();
    for (size_t i = 0; i < listeners->count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        if (i != listeners->console)
            json_array_append_new(addresses, json_string(address_format(&listeners->addresses[i], text)));
    }
    char started[CLOCK_TEXT_SIZE], url[DESCRIBE_URL_SIZE];
    bool console = console_url(listeners, describe->config, url, sizeof url);
    return json_pack("{s:s, s:i, s:s, s:o, s:o, s:s, s:s, s:o, s:s?, s:I}", "name", describe->config->name,
                     "pid", (int)getpid(), "version", REEVE_VERSION, "config",
                     describe_path(describe->config->file), "state", describe_path(describe->state), "phase",
                     phases[describe->phase], "started", clock_format(describe->started_wall_ms, started),
                     "listen", addresses, "console", console ? url : NULL, "stop_at_most_ms",
                     (json_int_t)describe->stop_ms);
}

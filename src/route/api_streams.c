#include <string.h>

#include "route/api_streams.h"

static struct slice text_of(const json_t *arguments, const char *name)
{
    return slice_of_text(json_string_value(json_object_get(arguments, name)));
}

void api_streams_answer(const struct api_streams *streams, const struct api_row *row, const json_t *arguments,
                        const char *base, struct exchange *exchange)
{
    struct topics_request request = {.exchange = exchange,
                                     .base = base,
                                     .list = text_of(arguments, "topics"),
                                     .target = text_of(arguments, "name"),
                                     .from = text_of(arguments, "from"),
                                     .logs = streams->logs,
                                     .find_events = streams->find_events,
                                     .owner = streams->owner};
    if (row->operation && strcmp(row->operation, "events") == 0) {
        streams->answer_events(streams->owner, exchange, request.target);
        return;
    }
    request.kind = row->operation && strcmp(row->operation, "log") == 0 ? TOPIC_LOG : TOPIC_HISTORY;
    topics_answer(streams->topics, &request);
}

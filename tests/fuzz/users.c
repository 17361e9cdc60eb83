/* A users file that parses stays one, with the same others in it, when a line is added, replaced or taken
 * out. */
#include <stdlib.h>
#include <string.h>

#include "admit/users.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_edited(const struct users *users, struct slice text, const char *name, const char *line)
{
    struct error error = {0};
    char *edited = users_edit(text, name, line);
    struct users *after = users_parse(slice_of_text(edited), "users", &error);
    CHECK(after && !users_find(after, name) == !line);
    for (size_t i = 0; i < users->count; i++) {
        const struct user *same = users_find(after, users->items[i].name);
        CHECK(strcmp(users->items[i].name, name) == 0 ||
              (same && strcmp(same->stamp, users->items[i].stamp) == 0));
    }
    users_free(&after);
    free(edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct slice text = slice_of(data, size);
    struct users *users = users_parse(text, "users", &error);
    CHECK(!users == !!error.text[0]);
    if (users && !memchr(data, '\0', size)) {
        check_edited(users, text, "ann", "ann:*:ops");
        check_edited(users, text, "ann", NULL);
    }
    users_free(&users);
    return 0;
}

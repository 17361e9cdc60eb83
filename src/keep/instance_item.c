/* The texts of the service that differ are the item's own; all others are the configuration's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "keep/account.h"
#include "keep/instance_folder.h"
#include "keep/instance_item.h"

enum { INSTANCE_ITEM_URL_MOST = 16384 };

/* "/s/{id}/" → "/s/a1/"; NULL gives NULL. */
static char *instance_item_fill(const char *text, const char *id)
{
    if (!text)
        return NULL;
    struct buffer filled = BUFFER(INSTANCE_ITEM_URL_MOST);
    for (const char *mark; (mark = strstr(text, "{id}")); text = mark + 4) {
        buffer_append(&filled, slice_of(text, (size_t)(mark - text)));
        buffer_append_text(&filled, id);
    }
    buffer_append_text(&filled, text);
    char *result = slice_to_text(buffer_slice(&filled));
    buffer_free(&filled);
    return result;
}

void instance_item_set_template(struct instance_item *item, const struct config_template *template)
{
    item->template = template;
    free(item->prefix);
    free(item->url);
    item->prefix = instance_item_fill(template->service.prefix, item->record.id);
    item->url = instance_item_fill(template->service.url, item->record.id);
    item->service = template->service;
    item->service.name = item->name;
    item->service.prefix = item->prefix;
    item->service.url = item->url;
}

struct instance_item *instance_item_new(const struct config_template *template, const char *folder,
                                        const struct instance_record *record)
{
    struct instance_item *item = MEMORY_NEW(struct instance_item);
    item->record = *record;
    item->name = memory_format("%s/%s", template->service.name, record->id);
    item->folder = memory_text(folder);
    item->directory = memory_format("%s/%s", folder, record->id);
    list_init(&item->waiters);
    instance_item_set_template(item, template);
    item->instance = (struct instance){
        .id = item->record.id,
        .directory = item->directory,
        .parameters = item->record.parameters,
        .owner = item->record.owner,
    };
    return item;
}

void instance_item_free(struct instance_item *item)
{
    instance_record_clear(&item->record);
    free(item->name);
    free(item->folder);
    free(item->directory);
    free(item->prefix);
    free(item->url);
    free(item);
}

bool instance_item_write(const struct instance_item *item, const struct log *log)
{
    int error = instance_record_write(item->folder, &item->record);
    if (error)
        log_error(log, "an instance's record cannot be written", LOG_TEXT("target", item->name),
                  LOG_TEXT("error", strerror(-error)));
    return !error;
}

bool instance_item_make_folder(const struct instance_item *item, gid_t gates_group, struct error *error)
{
    struct account account;
    if (!account_of(&item->service, &item->instance, &account, error))
        return false;
    int parent = open(item->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int failed = parent < 0 ? -errno
                            : instance_folder_make(parent, item->record.id, &account, gates_group,
                                                   item->record.parameters);
    if (parent >= 0)
        close(parent);
    account_free(&account);
    return !failed || failed == -EEXIST ||
           error_set(error, "cannot make the folder %s: %s", item->directory, strerror(-failed));
}

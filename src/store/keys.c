#include "store/database.h"
#include "store/keys.h"
#include "store/query.h"

int64_t store_keys_add(struct store *store, const char *key, int64_t created_ms)
{
    if (!query_run(store, "INSERT INTO keys (key, created) VALUES (?1, ?2)",
                   json_pack("[s, I]", key, (json_int_t)created_ms)))
        return 0;
    int64_t id = sqlite3_last_insert_rowid(store->database);
    query_run(store, "DELETE FROM keys WHERE id NOT IN (SELECT id FROM keys ORDER BY id DESC LIMIT 2)", NULL);
    return id;
}

json_t *store_keys_read(struct store *store)
{
    return query_rows(store, "SELECT id, key, created FROM keys ORDER BY id DESC LIMIT 2", NULL);
}

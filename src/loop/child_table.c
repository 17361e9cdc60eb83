/* Every child that ends is collected here, known or adopted, so that no zombie stays and nobody else in
 * the process calls wait(). */
#include <stdlib.h>
#include <sys/wait.h>
#include <uthash.h>

#include "base/check.h"
#include "base/memory.h"

#include "loop/child_table.h"

struct child_table_row {
    pid_t pid;
    loop_child_fn *on_exit;
    void *owner;
    UT_hash_handle hh;
};

static struct child_table_row *find(struct child_table *table, pid_t pid)
{
    struct child_table_row *row;
    HASH_FIND(hh, table->by_pid, &pid, sizeof pid, row);
    return row;
}

static void forget(struct child_table *table, struct child_table_row *row)
{
    HASH_DELETE(hh, table->by_pid, row);
    free(row);
}

void child_table_set(struct child_table *table, pid_t pid, loop_child_fn *on_exit, void *owner)
{
    CHECK(pid > 0);
    struct child_table_row *row = find(table, pid);
    if (!on_exit) {
        if (row)
            forget(table, row);
        return;
    }
    if (!row) {
        row = MEMORY_NEW(struct child_table_row);
        row->pid = pid;
        HASH_ADD(hh, table->by_pid, pid, sizeof row->pid, row);
    }
    row->on_exit = on_exit;
    row->owner = owner;
}

static void report(struct child_table *table, const siginfo_t *ended)
{
    struct child_table_row *row = find(table, ended->si_pid);
    if (!row) {
        if (table->on_unknown)
            table->on_unknown(table->unknown_owner, ended);
        return;
    }
    loop_child_fn *on_exit = row->on_exit;
    void *owner = row->owner;
    forget(table, row); /* first: the handler may register the same pid anew */
    on_exit(owner, ended);
}

bool child_table_reap(struct child_table *table, int most)
{
    for (int i = 0; i < most; i++) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG) || ended.si_pid == 0)
            return false;
        report(table, &ended);
    }
    return true;
}

void child_table_free(struct child_table *table)
{
    struct child_table_row *row, *next;
    HASH_ITER(hh, table->by_pid, row, next) forget(table, row);
}

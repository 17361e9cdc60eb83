#include "keep/operate_loops.h"

static void operate_loops(void *owner, struct operation *operation)
{
    const struct condition *condition = owner;
    operation_answer(operation, 200, json_pack("{s:o}", "loops", loops_describe(condition_loops(condition))));
}

static void operate_health(void *owner, struct operation *operation)
{
    operation_answer(operation, 200, condition_describe(owner));
}

static const struct operation_row operate_rows_of_loops[] = {
    {"loops", OPERATION_CONSOLE, operate_loops},
    {"health", OPERATION_CONSOLE, operate_health},
};

void operate_loops_add(struct operations *operations, struct condition *condition)
{
    operations_add(operations, operate_rows_of_loops,
                   sizeof operate_rows_of_loops / sizeof *operate_rows_of_loops, condition);
}

/* Records of the terminal link: what is read stays within the record and within the sizes of a screen, and
 * what is written again is read as the same. */
#include <string.h>

#include "base/check.h"
#include "wire/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(struct slice bytes, const struct terminal_record *record)
{
    CHECK(record->data.size == bytes.size - 1 && record->data.size <= TERMINAL_DATA_LARGEST);
    CHECK(record->data.data == bytes.data + 1);
}

static void check_size(const struct terminal_record *record, char type)
{
    char out[TERMINAL_SMALL_SIZE];
    struct terminal_record again;
    CHECK(record->columns >= TERMINAL_COLUMNS_LEAST && record->columns <= TERMINAL_COLUMNS_MOST);
    CHECK(record->rows >= TERMINAL_ROWS_LEAST && record->rows <= TERMINAL_ROWS_MOST);
    size_t size = terminal_write_size(out, type, record->columns, record->rows);
    CHECK((type == TERMINAL_SIZE ? terminal_read_from_hold
                                 : terminal_read_from_viewer)(slice_of(out, size), &again) == TERMINAL_FINE);
    CHECK(again.columns == record->columns && again.rows == record->rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[TERMINAL_SMALL_SIZE];
    struct slice bytes = slice_of(data, size);
    struct terminal_record record;
    if (terminal_read_from_viewer(bytes, &record) == TERMINAL_FINE) {
        check_record(bytes, &record);
        if (record.type == TERMINAL_RESIZE)
            check_size(&record, TERMINAL_RESIZE);
    }
    if (terminal_read_from_hold(bytes, &record) == TERMINAL_FINE) {
        check_record(bytes, &record);
        if (record.type == TERMINAL_SIZE)
            check_size(&record, TERMINAL_SIZE);
        if (record.type == TERMINAL_PLACE)
            CHECK(slice_equal(slice_of(out, terminal_write_place(out, record.place)), bytes));
    }
    return 0;
}

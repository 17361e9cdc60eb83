#include "base/check.h"
#include "wire/terminal.h"

enum { TERMINAL_SIZE_LENGTH = 2 * sizeof(uint16_t), TERMINAL_PLACE_LENGTH = sizeof(uint64_t) };

static uint16_t terminal_within(int64_t number, int64_t least, int64_t most)
{
    return (uint16_t)(number < least ? least : number > most ? most : number);
}

uint16_t terminal_columns(int64_t columns)
{
    return terminal_within(columns, TERMINAL_COLUMNS_LEAST, TERMINAL_COLUMNS_MOST);
}

uint16_t terminal_rows(int64_t rows)
{
    return terminal_within(rows, TERMINAL_ROWS_LEAST, TERMINAL_ROWS_MOST);
}

/* What both directions have in common: the type byte is off, the data is of a length that may be. */
static bool terminal_open(struct slice bytes, struct terminal_record *record)
{
    *record = (struct terminal_record){0};
    if (bytes.size == 0 || bytes.size > TERMINAL_RECORD_LARGEST)
        return false;
    record->type = bytes.data[0];
    record->data = slice_from(bytes, 1);
    return true;
}

static enum terminal_read terminal_read_size(struct terminal_record *record)
{
    if (record->data.size != TERMINAL_SIZE_LENGTH)
        return TERMINAL_BAD;
    uint16_t numbers[2];
    memcpy(numbers, record->data.data, sizeof numbers);
    record->columns = terminal_columns(numbers[0]);
    record->rows = terminal_rows(numbers[1]);
    return TERMINAL_FINE;
}

static enum terminal_read terminal_read_place(struct terminal_record *record)
{
    if (record->data.size != TERMINAL_PLACE_LENGTH)
        return TERMINAL_BAD;
    memcpy(&record->place, record->data.data, sizeof record->place);
    return TERMINAL_FINE;
}

enum terminal_read terminal_read_from_viewer(struct slice bytes, struct terminal_record *record)
{
    if (!terminal_open(bytes, record))
        return TERMINAL_BAD;
    switch (record->type) {
    case TERMINAL_INPUT:
        return TERMINAL_FINE;
    case TERMINAL_RESIZE:
        return terminal_read_size(record);
    case TERMINAL_PAUSE:
    case TERMINAL_RESUME:
        return record->data.size ? TERMINAL_BAD : TERMINAL_FINE;
    default:
        return TERMINAL_UNKNOWN;
    }
}

enum terminal_read terminal_read_from_hold(struct slice bytes, struct terminal_record *record)
{
    if (!terminal_open(bytes, record))
        return TERMINAL_BAD;
    switch (record->type) {
    case TERMINAL_OUTPUT:
    case TERMINAL_TITLE:
    case TERMINAL_END:
        return TERMINAL_FINE;
    case TERMINAL_SIZE:
        return terminal_read_size(record);
    case TERMINAL_PLACE:
        return terminal_read_place(record);
    default:
        return TERMINAL_UNKNOWN;
    }
}

size_t terminal_write_size(char *out, char type, uint16_t columns, uint16_t rows)
{
    CHECK(type == TERMINAL_RESIZE || type == TERMINAL_SIZE);
    const uint16_t numbers[2] = {columns, rows};
    out[0] = type;
    memcpy(out + 1, numbers, sizeof numbers);
    return 1 + sizeof numbers;
}

size_t terminal_write_place(char *out, uint64_t place)
{
    out[0] = TERMINAL_PLACE;
    memcpy(out + 1, &place, sizeof place);
    return 1 + sizeof place;
}

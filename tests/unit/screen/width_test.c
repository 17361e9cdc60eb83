#include "../support.h"

#include "screen/width.h"

static void test_widths(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        unsigned width;
    } cases[] = {
        {'a', 1},     {0xa0, 1},    {0xe9, 1},     {0x2ff, 1},  {0x300, 0},  {0x36f, 0},   {0x370, 1},
        {0x200b, 0},  {0x200d, 0},  {0x1100, 2},   {0x2500, 1}, {0x3000, 2}, {0x4dff, 1},  {0x4e00, 2},
        {0x9fff, 2},  {0xac00, 2},  {0xfe0f, 0},   {0xff01, 2}, {0xff71, 1}, {0x1f600, 2}, {0x1f1e9, 1},
        {0x20000, 2}, {0xe0100, 0}, {0x10ffff, 1}, {0x7f, 0},   {0x1f, 0},   {0x231a, 2},  {0x2764, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (width_of(cases[i].code) != cases[i].width)
            fail_msg("U+%04X is %u wide, not %u", cases[i].code, width_of(cases[i].code), cases[i].width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_widths)};
    return run_group(tests);
}

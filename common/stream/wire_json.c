/* wire_json.c - see wire_json.h. */
#include "stream/wire_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_YEAR = 1, LAST_YEAR = 9999, DAY = 86400 };

/* --- JSON --- */

int ss_json_name(ss_json_out *json, const char *name)
{
    if (json->more && ss_buffer_add(json->out, ",", 1)) return -1;
    json->more = 1;
    return ss_buffer_add(json->out, "\"", 1) || ss_buffer_add_string(json->out, name) ||
                   ss_buffer_add(json->out, "\":", 2)
               ? -1
               : 0;
}

static int put_escape(ss_buffer *out, unsigned char c)
{
    switch (c) {
    case '"': return ss_buffer_add(out, "\\\"", 2);
    case '\\': return ss_buffer_add(out, "\\\\", 2);
    case '\n': return ss_buffer_add(out, "\\n", 2);
    case '\r': return ss_buffer_add(out, "\\r", 2);
    case '\t': return ss_buffer_add(out, "\\t", 2);
    default: return ss_buffer_printf(out, "\\u%04x", c);
    }
}

int ss_json_string(ss_buffer *out, ss_slice text)
{
    if (ss_buffer_add(out, "\"", 1)) return -1;
    size_t from = 0;
    for (size_t at = 0; at < text.len; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
        if (ss_buffer_add(out, text.data + from, at - from) || put_escape(out, c)) return -1;
        from = at + 1;
    }
    if (from < text.len && ss_buffer_add(out, text.data + from, text.len - from)) return -1;
    return ss_buffer_add(out, "\"", 1);
}

int ss_json_text(ss_json_out *json, const char *name, ss_slice text)
{
    if (!text.len) return 0;
    return ss_json_name(json, name) || ss_json_string(json->out, text) ? -1 : 0;
}

int ss_json_uint(ss_json_out *json, const char *name, uint64_t value)
{
    if (!value) return 0;
    return ss_json_name(json, name) || ss_buffer_printf(json->out, "%llu", (unsigned long long)value) ? -1 : 0;
}

int ss_json_int(ss_json_out *json, const char *name, int64_t value)
{
    if (!value) return 0;
    return ss_json_name(json, name) || ss_buffer_printf(json->out, "%lld", (long long)value) ? -1 : 0;
}

int ss_json_int64(ss_json_out *json, const char *name, int64_t value)
{
    if (!value) return 0;
    return ss_json_name(json, name) || ss_buffer_printf(json->out, "\"%lld\"", (long long)value) ? -1 : 0;
}

/* The fewest digits that read back as the same float. %g drops final zeros, and 6 digits always survive a float, so
 * shorter forms come out by themselves; 9 digits always suffice. */
static int put_float(ss_buffer *out, float value)
{
    if (isnan(value)) return ss_buffer_add_string(out, "\"NaN\"");
    if (isinf(value)) return ss_buffer_add_string(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return ss_buffer_add_string(out, text);
}

int ss_json_float(ss_json_out *json, const char *name, float value)
{
    if (value == 0.0f && !signbit(value)) return 0;
    return ss_json_name(json, name) || put_float(json->out, value) ? -1 : 0;
}

int ss_json_instant(ss_json_out *json, const char *name, ss_instant instant)
{
    char text[40];
    if (!instant.has || ss_time_format(instant, text)) return 0;
    return ss_json_text(json, name, (ss_slice){.data = text, .len = strlen(text)});
}

int ss_json_attributes(ss_json_out *json, const char *name, const ss_attribute *attributes, size_t count)
{
    if (!count) return 0;
    if (ss_json_name(json, name) || ss_buffer_add(json->out, "{", 1)) return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i && ss_buffer_add(json->out, ",", 1)) || ss_json_string(json->out, attributes[i].key) ||
            ss_buffer_add(json->out, ":", 1) || ss_json_string(json->out, attributes[i].value))
            return -1;
    }
    return ss_buffer_add(json->out, "}", 1);
}

/* --- time --- */

/* Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

/* The inverse (civil_from_days). */
static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t in_era = days - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153;
    *day = in_year - (153 * m + 2) / 5 + 1;
    *month = m + (m < 10 ? 3 : -9);
    *year = y + era * 400 + (*month <= 2);
}

/* Takes exactly `digits` digits off the front, after the character `before` (0 = none). -1 when they are not there. */
static int take(ss_slice *text, char before, size_t digits, int64_t *value)
{
    size_t skip = before ? 1 : 0;
    if (text->len < skip + digits || (before && text->data[0] != before)) return -1;
    int64_t out = 0;
    for (size_t i = skip; i < skip + digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') return -1;
        out = out * 10 + (text->data[i] - '0');
    }
    text->data += skip + digits;
    text->len -= skip + digits;
    *value = out;
    return 0;
}

static void take_fraction(ss_slice *text, int32_t *nanos)
{
    if (!text->len || (text->data[0] != '.' && text->data[0] != ',')) return;
    int32_t unit = 100000000;
    size_t at = 1;
    for (; at < text->len && text->data[at] >= '0' && text->data[at] <= '9'; at++, unit /= 10)
        *nanos += (text->data[at] - '0') * unit;
    text->data += at;
    text->len -= at;
}

/* Z, +01:00, +0100, +01 or nothing. -1: something else. */
static int take_zone(ss_slice *text, int64_t *seconds)
{
    int64_t hours, minutes = 0;
    while (text->len && text->data[0] == ' ') text->data++, text->len--;
    if (!text->len) return 0;
    char sign = text->data[0];
    if ((sign == 'Z' || sign == 'z') && text->len == 1) return 0;
    if ((sign != '+' && sign != '-') || take(text, sign, 2, &hours)) return -1;
    if (text->len && take(text, text->data[0] == ':' ? ':' : 0, 2, &minutes)) return -1;
    if (text->len || hours > 23 || minutes > 59) return -1;
    *seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
    return 0;
}

static int days_in_month(int64_t year, int64_t month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

/* "T10:50[:17[.5]]" and the zone behind it; *seconds is the time of day in UTC (may leave the day). */
static int take_clock(ss_slice *text, int64_t *seconds, int32_t *nanos)
{
    int64_t hour, minute, second = 0, zone = 0;
    char mark = text->data[0];
    if (mark != 'T' && mark != 't' && mark != ' ') return -1;
    if (take(text, mark, 2, &hour) || take(text, ':', 2, &minute)) return -1;
    if (text->len && text->data[0] == ':') {
        if (take(text, ':', 2, &second)) return -1;
        take_fraction(text, nanos);
    }
    if (take_zone(text, &zone) || hour > 24 || minute > 59 || second > 60) return -1;
    *seconds = (hour * 60 + minute) * 60 + second - zone;
    return 0;
}

int ss_time_parse(ss_slice text, ss_instant *out)
{
    int64_t year, month = 1, day = 1, clock = 0;
    *out = (ss_instant){0};
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\n')) text.data++, text.len--;
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\n')) text.len--;
    if (take(&text, 0, 4, &year) || year < FIRST_YEAR) return 0;
    if (text.len && take(&text, '-', 2, &month)) return 0;
    if (text.len && take(&text, '-', 2, &day)) return 0;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return 0;
    int32_t nanos = 0;
    if (text.len && take_clock(&text, &clock, &nanos)) return 0;
    int64_t seconds = days_of(year, month, day) * DAY + clock;
    if (seconds < days_of(FIRST_YEAR, 1, 1) * DAY || seconds >= days_of(LAST_YEAR + 1, 1, 1) * DAY) return 0;
    *out = (ss_instant){.seconds = seconds, .nanos = nanos, .has = 1};
    return 1;
}

int ss_time_format(ss_instant instant, char out[40])
{
    int64_t first = days_of(FIRST_YEAR, 1, 1) * DAY, end = days_of(LAST_YEAR + 1, 1, 1) * DAY;
    if (instant.seconds < first || instant.seconds >= end || instant.nanos < 0 || instant.nanos > 999999999) return -1;
    int64_t days = instant.seconds / DAY, clock = instant.seconds % DAY, year, month, day;
    if (clock < 0) clock += DAY, days--;
    date_of(days, &year, &month, &day);
    int len = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month, (int)day, (int)(clock / 3600),
                       (int)(clock / 60 % 60), (int)(clock % 60));
    char *rest = out + len;
    size_t room = 40 - (size_t)len;
    int n = instant.nanos;
    if (n == 0)
        snprintf(rest, room, "Z");
    else if (n % 1000000 == 0)
        snprintf(rest, room, ".%03dZ", n / 1000000);
    else if (n % 1000 == 0)
        snprintf(rest, room, ".%06dZ", n / 1000);
    else
        snprintf(rest, room, ".%09dZ", n);
    return 0;
}

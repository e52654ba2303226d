// Log lines on standard error, as logfmt or JSON: time, level, message, then key and value pairs.
// Callers never pass a secret. Never waits: a line that standard error does not take at once is
// dropped, and the next one says so (dropped_lines).
#pragma once

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_init(enum log_level level, enum log_format format);

// False, and nothing set, for a word that names no level or format.
bool log_level_parse(const char *word, enum log_level *out);
bool log_format_parse(const char *word, enum log_format *out);

// `...` is pairs of const char * key and value, ended by NULL; a NULL value leaves its pair out.
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__, NULL)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__, NULL)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__, NULL)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__, NULL)

// Time. Durations and deadlines are microseconds of the monotonic clock.
#pragma once

#include <stdint.h>

#define SECOND_US 1000000

int64_t clock_monotonic_us(void);

// Since the machine was started, sleep included.
int64_t clock_boot_us(void);

// Microseconds since 1970: for timestamps that people or Prometheus read, never for durations.
int64_t clock_wall_us(void);

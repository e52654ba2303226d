// Tells the service manager how the program is doing: sd_notify(3) as systemd documents it, without
// its library. A datagram goes to the unix socket that $NOTIFY_SOCKET names (abstract ones begin
// with '@'); where the variable is not set, all of this does nothing. Never waits: a message that
// the socket does not take at once is given up, and the log says so once.
#pragma once

#include <stdint.h>

// `status` is for people (systemctl status): one line, at most NOTIFY_STATUS_MAX bytes of which are
// sent; NULL leaves it as it was.
enum { NOTIFY_STATUS_MAX = 256 };

// The program serves: after the start, and after each reload, whether it went well or not.
void notify_ready(const char *status);

// The configuration is about to be read again. notify_ready() has to follow.
void notify_reloading(void);

void notify_stopping(void);

// The program is alive: to be told at least every notify_watchdog_us().
void notify_watchdog(void);

// Half of the time after which systemd ends a program that has not said that it is alive
// ($WATCHDOG_USEC); 0 when none is awaited from this process.
int64_t notify_watchdog_us(void);

// The look-up of names: libevent's resolver, with limits that fit those of connecting.
#pragma once

#include <stdint.h>

#include <event2/dns.h>
#include <event2/event.h>

// With the name servers of resolv.conf, if it names any, and with /etc/hosts. A name server that
// does not answer costs a part of `connect_timeout_us`: then the next one is asked. libevent's
// messages go to our log from here on.
struct evdns_base *resolver_new(struct event_base *base, int64_t connect_timeout_us);

/* Connections, as the service sees them. */
#ifndef OFFHOOK_AGORA_RTC_H
#define OFFHOOK_AGORA_RTC_H

#include "library.h"

/* Release the connections of a service, waiting for their callbacks; return how many there were. Under the lock. */
unsigned connections_release(struct service *service);

#endif

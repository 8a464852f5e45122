/* Senders and tracks. */
#ifndef OFFHOOK_AGORA_MEDIA_H
#define OFFHOOK_AGORA_MEDIA_H

#include "library.h"

/* Free the senders and tracks of a service; under the lock. */
void media_release(struct service *service);

#endif

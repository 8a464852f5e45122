/* The address of the mock: an HTTP URL of this machine. */
#ifndef OFFHOOK_AGORA_ENDPOINT_H
#define OFFHOOK_AGORA_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
    char host[80]; /* for the Host header */
};

/* Read a URL such as http://127.0.0.1:8555: localhost, 127.x.x.x or [::1], and nothing after the port but a slash. */
bool endpoint_read(struct endpoint *endpoint, const char *url);

/* Read OFFHOOK_RELAY_URL, or else SENDBLUE_API_BASE_URL; return the problem in a sentence, or NULL. */
const char *endpoint_from_environment(struct endpoint *endpoint);

#endif

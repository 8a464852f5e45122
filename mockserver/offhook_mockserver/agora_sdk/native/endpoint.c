#include "endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool endpoint_read(struct endpoint *endpoint, const char *url) {
    static const char scheme[] = "http://";
    char host[64];
    memset(endpoint, 0, sizeof *endpoint);
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    url += sizeof scheme - 1;
    size_t host_length = *url == '[' ? strcspn(url, "]") + 1 : strcspn(url, ":/");
    if (host_length >= sizeof host || host_length > strlen(url)) {
        return false;
    }
    memcpy(host, url, host_length);
    host[host_length] = '\0';
    url += host_length;
    unsigned long port = 80;
    if (*url == ':') {
        char *end;
        if (url[1] < '0' || url[1] > '9') {
            return false;
        }
        port = strtoul(url + 1, &end, 10);
        url = end;
    }
    if (port == 0 || port > 65535 || (url[0] == '/' ? url[1] : url[0]) != '\0') {
        return false;
    }
    if (strcmp(host, "[::1]") == 0) {
        struct sockaddr_in6 *address = (struct sockaddr_in6 *)&endpoint->address;
        address->sin6_family = AF_INET6;
        address->sin6_addr = in6addr_loopback;
        address->sin6_port = htons((uint16_t)port);
        endpoint->length = sizeof *address;
    } else {
        struct sockaddr_in *address = (struct sockaddr_in *)&endpoint->address;
        address->sin_family = AF_INET;
        address->sin_port = htons((uint16_t)port);
        endpoint->length = sizeof *address;
        const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
        if (inet_pton(AF_INET, number, &address->sin_addr) != 1 || ntohl(address->sin_addr.s_addr) >> 24 != 127) {
            return false;
        }
    }
    snprintf(endpoint->host, sizeof endpoint->host, "%s:%lu", host, port);
    return true;
}

const char *endpoint_from_environment(struct endpoint *endpoint) {
    const char *url = getenv("OFFHOOK_RELAY_URL");
    if (url != NULL && *url) {
        /* The value is not repeated: a URL may hold a password. */
        return endpoint_read(endpoint, url)
                   ? NULL
                   : "OFFHOOK_RELAY_URL is not the address of a mock: it must be http://127.0.0.1:PORT";
    }
    url = getenv("SENDBLUE_API_BASE_URL");
    if (url != NULL && *url) {
        return endpoint_read(endpoint, url) ? NULL
                                            : "SENDBLUE_API_BASE_URL is not the address of a mock: this library joins "
                                              "only http://127.0.0.1:PORT; set OFFHOOK_RELAY_URL";
    }
    return "no mock is named: set OFFHOOK_RELAY_URL to the address that `offhook mock` prints";
}

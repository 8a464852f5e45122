/* agora_service_*, the media node factory, and this library's own additions. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "media.h"
#include "misuse.h"
#include "rtc.h"

/* The version of this library's behaviour; the Python layers that it works with are in abi.h. */
AGORA_API const char *offhook_agora_version(void) {
    return "1";
}

/* Have later connections join this mock, instead of the one that the environment names. NULL: the environment. */
AGORA_API int offhook_agora_set_endpoint(const char *url) {
    struct endpoint endpoint;
    if (url != NULL && !endpoint_read(&endpoint, url)) {
        return AGORA_BAD_ARGUMENT;
    }
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    library.has_endpoint = url != NULL;
    if (url != NULL) {
        library.endpoint = endpoint;
    }
    unlock();
    return AGORA_OK;
}

/* The objects that are alive. For tests. */
AGORA_API unsigned offhook_agora_live_handles(void) {
    lock();
    unsigned count = handle_count();
    unlock();
    return count;
}

AGORA_API agora_handle agora_service_create(void) {
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = calloc(1, sizeof *service);
    if (service != NULL) {
        service->self = handle_new(HANDLE_SERVICE, service);
        service->next = library.services;
        library.services = service;
    }
    agora_handle self = service != NULL ? service->self : 0;
    unlock();
    return self;
}

static int initialize(struct service *service, const struct agora_service_config *config) {
    if (service->initialized) {
        return AGORA_OK;
    }
    size_t length = config != NULL && config->app_id != NULL ? strlen(config->app_id) : 0;
    if (length == 0 || length >= sizeof service->app_id) {
        return AGORA_BAD_APP_ID;
    }
    if (!library_start()) {
        return AGORA_NO_RESOURCES;
    }
    memcpy(service->app_id, config->app_id, length + 1);
    service->initialized = true;
    return AGORA_OK;
}

AGORA_API int agora_service_initialize(agora_handle handle, const struct agora_service_config *config) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    library_settle();
    struct service *service = service_of(handle, __func__);
    int result = service != NULL ? initialize(service, config) : AGORA_BAD_ARGUMENT;
    unlock();
    return result;
}

static void service_free(struct service *service) {
    struct service **at = &library.services;
    while (*at != service) {
        at = &(*at)->next;
    }
    *at = service->next;
    handle_end(service->self);
    handle_end(service->factory);
    handle_end(service->parameter);
    free(service);
}

AGORA_API int agora_service_release(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct service *service = service_of(handle, __func__);
    int result = AGORA_BAD_ARGUMENT;
    if (service != NULL && in_callback) {
        result = AGORA_BAD_STATE; /* it would wait for the callback that it is called in */
    } else if (service != NULL) {
        unsigned left = connections_release(service);
        if (left > 0) {
            misuse(NULL, MISUSE_SERVICE_BUSY, "%s was called with %u connections that were not released", __func__,
                   left);
        }
        media_release(service);
        service_free(service);
        bool used = false;
        for (struct service *other = library.services; other != NULL; other = other->next) {
            used = used || other->initialized;
        }
        if (library.running && !library.stopping && !used) {
            library_stop();
        }
        result = AGORA_OK;
    }
    unlock();
    return result;
}

AGORA_API agora_handle agora_service_create_media_node_factory(agora_handle handle) {
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = service_of(handle, __func__);
    if (service != NULL && service->factory == 0) {
        service->factory = handle_new(HANDLE_FACTORY, service);
    }
    agora_handle factory = service != NULL ? service->factory : 0;
    unlock();
    return factory;
}

/* Agora's Python layer destroys the factory after the service: that is not a misuse. */
AGORA_API int agora_media_node_factory_destroy(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct service *service = handle_get(handle, HANDLE_FACTORY);
    if (service != NULL) {
        handle_end(service->factory);
        service->factory = 0;
    }
    unlock();
    return AGORA_OK;
}

AGORA_API agora_handle agora_service_get_agora_parameter(agora_handle handle) {
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = service_of(handle, __func__);
    if (service != NULL && service->parameter == 0) {
        service->parameter = handle_new(HANDLE_PARAMETER, service);
    }
    agora_handle parameter = service != NULL ? service->parameter : 0;
    unlock();
    return parameter;
}

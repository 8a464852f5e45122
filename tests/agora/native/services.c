/* Threads that start and end services of their own at once: the last one stops the library while others start it. */

#include <pthread.h>
#include <stdio.h>

#include "abi.h"

#define THREADS 4
#define ROUNDS 200

agora_handle agora_service_create(void);
int agora_service_initialize(agora_handle service, const struct agora_service_config *config);
int agora_service_release(agora_handle service);
agora_handle agora_rtc_conn_create(agora_handle service, const struct agora_connection_config *config);
unsigned offhook_agora_live_handles(void);

static void *run(void *nothing) {
    (void)nothing;
    for (int round = 0; round < ROUNDS; round++) {
        struct agora_service_config config = {.app_id = "app"};
        struct agora_connection_config connection = {.auto_subscribe_audio = 1};
        agora_handle service = agora_service_create();
        if (agora_service_initialize(service, &config) != AGORA_OK || agora_rtc_conn_create(service, &connection) == 0 ||
            agora_service_release(service) != AGORA_OK) {
            puts("a service failed");
        }
        agora_service_release(agora_service_create());
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, run, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%u left, done\n", offhook_agora_live_handles());
    return 0;
}

#include "library.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "farewell.h"
#include "misuse.h"
#include "net.h"
#include "playback.h"
#include "threads.h"

struct library library = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .events_wanted = PTHREAD_COND_INITIALIZER,
    .audio_wanted = PTHREAD_COND_INITIALIZER,
    .wake = {-1, -1},
};

_Thread_local enum role own_role = ROLE_PROGRAM;
_Thread_local agora_handle in_callback = 0;
_Thread_local bool calls_allowed = false;

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void thread_name(const char *name) {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#else
    (void)name;
#endif
}

void wake_net(void) {
    if (library.running && !library.woken) {
        library.woken = write(library.wake[1], "", 1) == 1;
    }
}

static int64_t setting_ns(const char *name, int64_t otherwise_ms) {
    const char *text = getenv(name);
    char *end;
    long long value = text != NULL && *text ? strtoll(text, &end, 10) : 0;
    if (text == NULL || !*text) {
        value = otherwise_ms;
    } else if (*end || value < 1 || value > 86400000) {
        complain("%s must be milliseconds from 1 to 86400000; using %lld", name, (long long)otherwise_ms);
        value = otherwise_ms;
    }
    return value * MS_NS;
}

static void read_settings(void) {
    const char *idle = getenv("OFFHOOK_AGORA_IDLE_FRAMES");
    const char *ai_qos = getenv("OFFHOOK_AGORA_AI_QOS");
    library.timing = (struct timing){
        .interrupted_ns = setting_ns("OFFHOOK_AGORA_INTERRUPTED_MS", 4000),
        .lost_ns = setting_ns("OFFHOOK_AGORA_LOST_MS", 10000),
        .give_up_ns = setting_ns("OFFHOOK_AGORA_GIVE_UP_MS", 1200000),
        .idle_frames = idle != NULL && strcmp(idle, "1") == 0,
        .ai_qos_missing = ai_qos != NULL && strcmp(ai_qos, "missing") == 0,
    };
}

static bool open_pipe(void) {
    if (pipe(library.wake) != 0) {
        library.wake[0] = library.wake[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(library.wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(library.wake[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

static void close_pipe(void) {
    close(library.wake[0]);
    close(library.wake[1]);
    library.wake[0] = library.wake[1] = -1;
}

bool library_is_foreign(void) {
    return library.process != 0 && library.process != (int)getpid();
}

void library_settle(void) {
    while (library.stopping) {
        pthread_cond_wait(&library.changed, &library.lock);
    }
}

bool library_start(void) {
    read_settings();
    if (library.running) {
        return true;
    }
    if (!open_pipe()) {
        return false;
    }
    static void *(*const runs[])(void *) = {net_run, events_run, playback_run};
    pthread_t *threads[] = {&library.net, &library.events, &library.audio};
    library.woken = false;
    library.process = (int)getpid();
    for (size_t i = 0; i < 3; i++) {
        if (pthread_create(threads[i], NULL, runs[i], NULL) != 0) {
            complain("a thread could not be started");
            library.stopping = true; /* none of the others has had the lock yet */
            unlock();
            while (i-- > 0) {
                pthread_join(*threads[i], NULL);
            }
            lock();
            library.stopping = false;
            pthread_cond_broadcast(&library.changed);
            close_pipe();
            return false;
        }
    }
    library.running = true;
    return true;
}

void library_stop(void) {
    library.stopping = true;
    wake_net();
    pthread_cond_broadcast(&library.events_wanted);
    pthread_cond_broadcast(&library.audio_wanted);
    unlock();
    pthread_join(library.net, NULL);
    pthread_join(library.events, NULL);
    pthread_join(library.audio, NULL);
    lock();
    library.running = library.stopping = false;
    pthread_cond_broadcast(&library.changed);
    library.process = 0; /* a process that is forked from now on may start a library of its own */
    close_pipe();
    events_drop();
    farewells_end();
    misuse_stop();
    handles_trim();
}

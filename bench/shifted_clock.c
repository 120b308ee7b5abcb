/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded, it shifts the system's time of one process: by as many nanoseconds as the file says
 * that SHIFTED_CLOCK names, eight bytes that may change at any moment. The steady clock stays. Who
 * waits for a moment of the system's time wakes when the shifted time gets there, as with a real jump.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#define SECOND 1000000000LL
#define SLICE 20000000LL           /* how soon a jump is seen while waiting */
#define OLDEST_DATE (SECOND * SECOND) /* earlier moments are those of a steady clock */

static volatile const int64_t none = 0;
static volatile const int64_t *shift = &none;

__attribute__((constructor)) static void map(void) {
    const char *name = getenv("SHIFTED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *at = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) shift = at;
}

static int64_t in_ns(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

static struct timespec in_parts(int64_t ns) {
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static int genuine(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, time);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failure = genuine(clock, time);
    if (!failure && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        *time = in_parts(in_ns(time) + *shift);
    return failure;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

/* The genuine moment until which to sleep before looking again; 0 if the end has come. */
static int slice(const struct timespec *end, struct timespec *until) {
    struct timespec now;
    genuine(CLOCK_REALTIME, &now);
    int64_t left = in_ns(end) - (in_ns(&now) + *shift);
    *until = in_parts(in_ns(&now) + (left < SLICE ? left : SLICE));
    return left > 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict end) {
    struct timespec until;
    if (in_ns(end) < OLDEST_DATE)
        return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, end);
    while (slice(end, &until)) {
        int result = pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &until);
        if (result != ETIMEDOUT) return result;
    }
    return ETIMEDOUT;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict end) {
    struct timespec until;
    if (!sem_trywait(semaphore)) return 0;
    while (slice(end, &until)) {
        if (!sem_clockwait(semaphore, CLOCK_REALTIME, &until)) return 0;
        if (errno != ETIMEDOUT) return -1;
    }
    errno = ETIMEDOUT;
    return -1;
}

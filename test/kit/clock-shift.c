// Preloaded into a process, moves its wall clock by the milliseconds in the first eight bytes of the file that PATWARDEN_TEST_CLOCK names.
// The file is mapped, so that the clock steps while the process runs. The monotonic clocks stay as they are, as in a machine whose time is set.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void map_offset(void) {
  const char *file = getenv("PATWARDEN_TEST_CLOCK");
  if (file == NULL) return;
  int descriptor = open(file, O_RDONLY | O_CLOEXEC);
  void *mapped = descriptor < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, descriptor, 0);
  // A clock that silently does not step would make every test pass.
  if (mapped == MAP_FAILED) abort();
  close(descriptor);
  offset_ms = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  // The system call, past the C library and its vDSO.
  int failed = (int)syscall(SYS_clock_gettime, clock, out);
  if (failed || offset_ms == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  int64_t offset = *offset_ms;
  out->tv_sec += offset / 1000;
  out->tv_nsec += offset % 1000 * 1000000;
  if (out->tv_nsec >= 1000000000) {
    out->tv_nsec -= 1000000000;
    out->tv_sec++;
  } else if (out->tv_nsec < 0) {
    out->tv_nsec += 1000000000;
    out->tv_sec--;
  }
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

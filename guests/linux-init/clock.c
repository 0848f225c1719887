#include "text.h"

u64 now(void) {
  struct timespec time;
  call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&time, 0, 0, 0, 0);
  return time.seconds * SECOND + time.nanoseconds;
}

u32 wait_for_inputs(int first, int second, u64 until) {
  struct pollfd inputs[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  const u64 moment = now();
  const u64 left = until > moment ? until - moment : 0;
  struct timespec timeout = {left / SECOND, left % SECOND};
  if (call(SYS_PPOLL, (long)inputs, 2, (long)&timeout, 0, 0, 0) <= 0) return 0;
  return (inputs[0].revents ? 1 : 0) | (inputs[1].revents ? 2 : 0);
}

bool wait_for_input(int fd, u64 until) {
  return wait_for_inputs(fd, -1, until) != 0;
}

#include "test.h"

long read_text(const char *path, char *buffer, u64 size) {
  const long fd = open_file(path, O_RDONLY);
  u64 length = 0;
  if (fd < 0) return fd;
  while (length < size - 1) {
    const long part = read_file(fd, buffer + length, size - 1 - length);
    if (part <= 0) break;
    length += part;
  }
  buffer[length] = 0;
  close_file(fd);
  return length;
}

void write_text(const char *path, const char *text) {
  const long fd = open_file(path, O_WRONLY);
  if (fd < 0) fail("%s cannot be opened: error %u", path, -fd);
  const long written = write_file(fd, text, length_of(text));
  if (written < 0) fail("%s does not take %s: error %u", path, text, -written);
  close_file(fd);
}

/* A file by HTTP, checked by its CRC-32. */
#include "test.h"

#define BUFFER_SIZE (64 * KIBIBYTE)
#define PATIENCE (10 * SECOND)

static char buffer[BUFFER_SIZE + 1];

/** Reads what has come; 0 at the end. Fails when nothing comes for long. */
static u64 receive(int fd, u64 at) {
  if (!wait_for_input(fd, now() + PATIENCE)) fail("nothing more comes");
  const long length = read_file(fd, buffer + at, BUFFER_SIZE - at);
  if (length < 0) fail("reading fails with error %u", -length);
  return length;
}

static void request(int fd, const char *path) {
  const char *const parts[] = {"GET /", path, " HTTP/1.0\r\n\r\n"};
  u64 length = 0;
  for (u32 i = 0; i < 3; i++) {
    memcpy(buffer + length, parts[i], length_of(parts[i]));
    length += length_of(parts[i]);
  }
  const long result = write_file(fd, buffer, length);
  if (result != (long)length) fail("the request cannot be sent: error %u", result < 0 ? -result : 0l);
}

/** Reads the header; answers how many bytes of what follows lie at the start of the buffer. */
static u64 read_header(int fd) {
  u64 length = 0;
  const char *end;
  do {
    const u64 part = receive(fd, length);
    if (part == 0 || length + part == BUFFER_SIZE) fail("the answer has no HTTP header");
    length += part;
    buffer[length] = 0;
  } while (!(end = find(buffer, "\r\n\r\n")));
  if (!starts_with(buffer, "HTTP/1.") || !starts_with(buffer + 8, " 200")) {
    buffer[12] = 0;
    fail("the server answers %s", buffer);
  }
  const u64 body = end + 4 - buffer;
  memcpy(buffer, buffer + body, length - body);
  return length - body;
}

/** fetch:PORT:PATH[:CRC]: GET /PATH by HTTP/1.0 from the peer; the CRC-32 in hexadecimal, if given, must be that one. */
void test_fetch(const struct arguments *arguments) {
  const char *path = arguments->text[1], *wanted = arguments->text[2];
  const struct sockaddr_in server = peer(number_argument(arguments, 0, 80, 1, 65535));
  u64 total = 0, expected = 0;
  u32 crc = 0;
  if (*wanted && (!parse_number(wanted, 16, &expected) || expected > 0xffffffff)) fail("%s is no CRC-32", wanted);
  const u64 begin = now();
  const long fd = call(SYS_SOCKET, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
  if (fd < 0) fail("no socket: error %u", -fd);
  const long connected = call(SYS_CONNECT, fd, (long)&server, sizeof server, 0, 0, 0);
  if (connected < 0) fail("no connection: error %u", -connected);
  request(fd, path);
  u64 length = read_header(fd);
  do {
    crc = crc32(crc, buffer, length);
    total += length;
  } while ((length = receive(fd, 0)) > 0);
  close_file(fd);
  say("fetch bytes=%u crc=%c time=%t", total, (u64)crc, now() - begin);
  if (*wanted && crc != expected) fail("the CRC-32 is %c, not %c", (u64)crc, expected);
}

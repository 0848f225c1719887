/* eth0 brought up with an address, and a file fetched by TCP. */
#include "command-line.h"
#include "test.h"

#define NOTHING_CHANGES (10 * MILLISECOND)
#define PATIENCE (5 * SECOND)

static u8 own_address[4] = {10, 0, 2, 15};
static u8 peer_address[4] = {10, 0, 2, 2};
static u32 prefix_length = 24;

struct sockaddr_in peer(u32 port) {
  struct sockaddr_in address = {.family = AF_INET, .port = swap16(port)};
  memcpy(&address.address, peer_address, 4);
  return address;
}

static void parse_address(char *text, u8 address[4]) {
  for (u32 i = 0; i < 4; i++) {
    u64 value;
    if (!text || !parse_number(cut(&text, '.'), 10, &value) || value > 255) fail("vgic.address or vgic.peer is no address");
    address[i] = value;
  }
}

static void read_settings(void) {
  char value[COMMAND_LINE_SIZE], *rest = value;
  if (setting("vgic.address=", value)) {
    u64 length;
    parse_address(cut(&rest, '/'), own_address);
    if (!rest || !parse_number(rest, 10, &length) || length < 1 || length > 31) fail("vgic.address has no prefix length");
    prefix_length = length;
  }
  if (setting("vgic.peer=", value)) parse_address(value, peer_address);
}

static void configure(int fd, struct ifreq *request, u32 what, const char *name) {
  const long result = control(fd, what, request);
  if (result < 0) fail("eth0: %s fails with error %u", name, -result);
}

static void set_address(int fd, struct ifreq *request, u32 what, const u8 address[4], const char *name) {
  memset(request->bytes, 0, sizeof request->bytes);
  request->address.family = AF_INET;
  memcpy(&request->address.address, address, 4);
  configure(fd, request, what, name);
}

/** Whether the file says 1. The kernel's flag IFF_RUNNING says the same up to a second later. */
static bool has_carrier(void) {
  char text[4];
  return read_text("/sys/class/net/eth0/carrier", text, sizeof text) > 0 && text[0] == '1';
}

static bool is_there(void) {
  char text[4];
  return read_text("/sys/class/net/eth0/ifindex", text, sizeof text) > 0;
}

static void wait_until(bool (*true_at_last)(void), const char *otherwise) {
  const u64 until = now() + PATIENCE;
  while (!true_at_last()) {
    if (now() >= until) fail("eth0 %s", otherwise);
    wait_for_input(-1, now() + NOTHING_CHANGES);
  }
}

void bring_up_network(void) {
  static bool up;
  struct ifreq request = {.name = "eth0"};
  u8 mask[4];
  if (up) return;
  up = true;
  read_settings();
  for (u32 i = 0; i < 4; i++) mask[i] = (0xffffffff00000000ul >> prefix_length) >> (24 - 8 * i);
  const long fd = call(SYS_SOCKET, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
  if (fd < 0) fail("no socket: error %u", -fd);
  wait_until(is_there, "is not there");
  set_address(fd, &request, SIOCSIFADDR, own_address, "its address");
  set_address(fd, &request, SIOCSIFNETMASK, mask, "its netmask");
  request.flags = IFF_UP;
  configure(fd, &request, SIOCSIFFLAGS, "bringing it up");
  wait_until(has_carrier, "has no link");
  close_file(fd);
  say("network up time=%t", now());
}

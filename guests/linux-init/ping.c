/* ICMP echo (RFC 792): every request numbered, every answer counted, those that stay out named. */
#include "test.h"

#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define IDENTIFIER 0x7667
#define PAYLOAD_SIZE 40
/** A request that has no answer for so long is lost. */
#define PATIENCE (2 * SECOND)
/** Requests under way at most: more than an interval of 1 ms makes in that time. */
#define MOST_UNDER_WAY 4096
#define FLOOD_WINDOW 16

struct echo {
  u8 type, code;
  u16 checksum;
  u16 identifier, sequence;
  u32 number;
  u8 payload[PAYLOAD_SIZE];
};

enum fate {
  ANSWERED,
  UNDER_WAY,
  LOST,
};

static struct request {
  u64 sent;
  enum fate fate;
} requests[MOST_UNDER_WAY];

static struct {
  u64 sent, answered, lost, duplicates, slowest, time;
  u64 oldest; /* all before it are answered or lost */
} count;

static int icmp = -1;
static bool each; /* says every answer */

/** RFC 1071: the complement of the ones' complement sum. */
static u16 checksum(const void *bytes, u64 size) {
  const u16 *words = bytes;
  u32 sum = 0;
  for (u64 i = 0; i < size / 2; i++) sum += words[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

static u8 payload_byte(u64 number, u32 index) {
  return number * 31 + index;
}

static void send(void) {
  const struct sockaddr_in to = peer(0);
  struct request *request = &requests[count.sent % MOST_UNDER_WAY];
  struct echo echo = {.type = ECHO_REQUEST, .identifier = IDENTIFIER, .sequence = swap16(count.sent), .number = count.sent};
  for (u32 i = 0; i < PAYLOAD_SIZE; i++) echo.payload[i] = payload_byte(count.sent, i);
  echo.checksum = checksum(&echo, sizeof echo);
  request->sent = now();
  request->fate = UNDER_WAY;
  const long result = call(SYS_SENDTO, icmp, (long)&echo, sizeof echo, 0, (long)&to, sizeof to);
  if (result < 0) fail("seq %u cannot be sent: error %u", count.sent, -result);
  count.sent++;
}

/** What has come, if it answers a request of ours. */
static void take(const struct echo *echo) {
  const u64 number = echo->number;
  struct request *request = &requests[number % MOST_UNDER_WAY];
  if (number >= count.sent || number + MOST_UNDER_WAY < count.sent) fail("an answer to seq %u, which was not sent", number);
  for (u32 i = 0; i < PAYLOAD_SIZE; i++)
    if (echo->payload[i] != payload_byte(number, i)) fail("the answer to seq %u is not what was sent", number);
  if (request->fate != UNDER_WAY) {
    say("ping seq=%u %s", number, request->fate == LOST ? "late" : "duplicate");
    count.duplicates += request->fate == ANSWERED;
    return;
  }
  const u64 time = now() - request->sent;
  request->fate = ANSWERED;
  count.answered++;
  if (time > count.slowest) count.slowest = time;
  if (each) say("ping seq=%u answered %t", number, time);
}

static void receive(void) {
  static u8 packet[2048];
  for (;;) {
    const long length = call(SYS_RECVFROM, icmp, (long)packet, sizeof packet, MSG_DONTWAIT, 0, 0);
    if (length == -EAGAIN) return;
    if (length < 0) fail("receiving fails with error %u", -length);
    const u32 header = (packet[0] & 15) * 4;
    struct echo echo;
    if (length < (long)(header + sizeof echo)) continue;
    memcpy(&echo, packet + header, sizeof echo);
    if (echo.type == ECHO_REPLY && echo.identifier == IDENTIFIER) take(&echo);
  }
}

/** Gives up what is out for too long, and answers when to look again. */
static u64 give_up(u64 moment) {
  for (; count.oldest < count.sent; count.oldest++) {
    struct request *request = &requests[count.oldest % MOST_UNDER_WAY];
    if (request->fate != UNDER_WAY) continue;
    if (request->sent + PATIENCE > moment) return request->sent + PATIENCE;
    request->fate = LOST;
    count.lost++;
    say("ping seq=%u lost", count.oldest);
  }
  return moment + PATIENCE;
}

/** What ends the sending: so many requests, or without that a line on the console. Intervals of 0 go as the window lets. */
struct exchange {
  u64 total, interval, window;
  bool told;
  char line[LINE_SIZE];
};

/** Sends one request in every interval of the guest's clock, until the end; comes back when all are answered or lost. */
static void run(struct exchange *exchange) {
  memset(&count, 0, sizeof count);
  if (icmp < 0) icmp = call(SYS_SOCKET, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0, 0, 0);
  if (icmp < 0) fail("no socket: error %u", (u64)-icmp);
  const u64 begin = now();
  for (;;) {
    const u64 moment = now();
    const u64 expiry = give_up(moment);
    const u64 out = count.sent - count.answered - count.lost;
    const u64 due = begin + count.sent * exchange->interval;
    const bool more = exchange->total ? count.sent < exchange->total : !exchange->told;
    const bool room = more && out < exchange->window;
    if (room && moment >= due) {
      send();
      continue;
    }
    if (!more && out == 0) break;
    const bool listens = !exchange->total && !exchange->told;
    const u32 inputs = wait_for_inputs(icmp, listens ? 0 : -1, room && due < expiry ? due : expiry);
    if (inputs & 1) receive();
    if (inputs & 2) {
      read_line(exchange->line, sizeof exchange->line);
      exchange->told = true;
    }
  }
  count.time = now() - begin;
}

static void check(void) {
  if (count.lost || count.duplicates) fail("%u of %u lost, %u answered twice", count.lost, count.sent, count.duplicates);
}

static void say_account(void) {
  say("%s sent=%u answered=%u lost=%u slowest=%t time=%t", under_way, count.sent, count.answered, count.lost, count.slowest,
      count.time);
}

/** ping[:COUNT[:MS]]: an echo request every MS milliseconds; ten unless told, and every second. */
void test_ping(const struct arguments *arguments) {
  struct exchange exchange = {.window = MOST_UNDER_WAY};
  exchange.total = number_argument(arguments, 0, 10, 1, 1000000);
  exchange.interval = number_argument(arguments, 1, 1000, 1, 60000) * MILLISECOND;
  each = true;
  run(&exchange);
  say_account();
  check();
}

/** flood[:COUNT]: echo requests as fast as answers come, sixteen under way; a thousand unless told. */
void test_flood(const struct arguments *arguments) {
  struct exchange exchange = {.window = FLOOD_WINDOW};
  exchange.total = number_argument(arguments, 0, 1000, 1, 10000000);
  each = false;
  run(&exchange);
  say_account();
  check();
}

/** hold[:MS]: like ping, every 10 ms unless told, until a line comes on the console. */
void test_hold(const struct arguments *arguments) {
  struct exchange exchange = {.window = MOST_UNDER_WAY};
  exchange.interval = number_argument(arguments, 0, 10, 1, 60000) * MILLISECOND;
  prepare_console();
  each = true;
  run(&exchange);
  say("hold told %s", exchange.line);
  say_account();
  check();
}

void ping_quietly(u64 total) {
  struct exchange exchange = {.total = total, .window = FLOOD_WINDOW};
  each = false;
  run(&exchange);
  check();
}

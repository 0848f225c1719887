/* What a test is, and what tests share. */
#ifndef TEST_H
#define TEST_H

#include "say.h"
#include "text.h"

#define MOST_ARGUMENTS 4
#define KIBIBYTE 1024
#define MOST_CPUS 64

/** Text after the word of a test, between colons; what was not given is empty. */
struct arguments {
  const char *text[MOST_ARGUMENTS];
};

enum needs {
  NEEDS_NOTHING,
  NEEDS_MODULES,
  NEEDS_NETWORK,
};

struct test {
  const char *word;
  enum needs needs;
  void (*run)(const struct arguments *);
};

/** An argument as a number, `otherwise` when it was not given; fails when it is none, or not `least` to `most`. */
u64 number_argument(const struct arguments *arguments, u32 index, u64 otherwise, u64 least, u64 most);

/** Reads a file of /proc or /sys as text; the length, or -errno. */
long read_text(const char *path, char *buffer, u64 size);
/** Writes text to such a file; fails when it does not take it. */
void write_text(const char *path, const char *text);

/** The CPUs that are online, a bit each. */
u64 online_cpus(void);

/** Loads the modules of the initial RAM disk, once. */
void load_modules(void);
/** Gives eth0 its address and waits for its link, once. */
void bring_up_network(void);
/** Echo requests and their answers without a word; fails when one stays out. */
void ping_quietly(u64 count);
/** A port of the machine that the tests talk to. */
struct sockaddr_in peer(u32 port);

/** Sets the console up for input, once. */
void prepare_console(void);
/** Takes a line from the console, without its end; waits for it. */
void read_line(char *line, u32 size);
#define LINE_SIZE 256

void test_boot(const struct arguments *);
void test_modules(const struct arguments *);
void test_interrupts(const struct arguments *);
void test_move(const struct arguments *);
void test_cpus(const struct arguments *);
void test_ping(const struct arguments *);
void test_flood(const struct arguments *);
void test_hold(const struct arguments *);
void test_fetch(const struct arguments *);
void test_block(const struct arguments *);
void test_random(const struct arguments *);
void test_echo(const struct arguments *);

#endif

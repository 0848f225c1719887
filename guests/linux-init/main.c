/*
 * An init program for Linux that tests the machine beneath: what to do says the kernel's command line, in words of the table
 * below, as vgic.test=boot:4,ping:60:10,interrupts,off. It prints lines that begin with "vgic-init: ", at the end PASS, or
 * FAIL and why, and switches the machine off.
 *
 * vgic.address=10.0.2.15/24 and vgic.peer=10.0.2.2 say who is who on the network; these are what they are unless told.
 */
#include "command-line.h"
#include "test.h"

#define MOST_TESTS 64

static const struct test tests[] = {
  {"boot", NEEDS_NOTHING, test_boot},
  {"cpus", NEEDS_NOTHING, test_cpus},
  {"interrupts", NEEDS_NOTHING, test_interrupts},
  {"echo", NEEDS_NOTHING, test_echo},
  {"modules", NEEDS_MODULES, test_modules},
  {"block", NEEDS_MODULES, test_block},
  {"random", NEEDS_MODULES, test_random},
  {"ping", NEEDS_NETWORK, test_ping},
  {"flood", NEEDS_NETWORK, test_flood},
  {"hold", NEEDS_NETWORK, test_hold},
  {"move", NEEDS_NETWORK, test_move},
  {"fetch", NEEDS_NETWORK, test_fetch},
};

/** What happens after PASS or FAIL: the last word, or off. */
static const struct ending {
  const char *word;
  u32 reboot; /* 0: the program sleeps for ever */
} endings[] = {
  {"off", REBOOT_POWER_OFF},
  {"reset", REBOOT_RESTART},
  {"stay", 0},
};

static const struct ending *ending = &endings[0];

void end(void) {
  if (ending->reboot) call(SYS_REBOOT, REBOOT_MAGIC, REBOOT_MAGIC_2, ending->reboot, 0, 0, 0);
  for (;;) call(SYS_PPOLL, 0, 0, 0, 0, 0, 0);
}

static const struct ending *find_ending(const char *word) {
  for (u32 i = 0; i < sizeof endings / sizeof *endings; i++)
    if (equal(word, endings[i].word)) return &endings[i];
  return 0;
}

static const struct test *find_test(const char *word) {
  for (u32 i = 0; i < sizeof tests / sizeof *tests; i++)
    if (equal(word, tests[i].word)) return &tests[i];
  return 0;
}

static void mount(const char *type, const char *where) {
  call(SYS_MKDIRAT, AT_FDCWD, (long)where, 0755, 0, 0, 0);
  const long result = call(SYS_MOUNT, (long)type, (long)where, (long)type, 0, 0, 0);
  if (result < 0) fail("%s cannot be mounted: error %u", where, -result);
}

static void run(const struct test *test, const struct arguments *arguments) {
  under_way = test->word;
  if (test->needs != NEEDS_NOTHING) load_modules();
  if (test->needs == NEEDS_NETWORK) bring_up_network();
  test->run(arguments);
  say("%s ok", test->word);
  under_way = 0;
}

__attribute__((noreturn)) void main(void) {
  static char words[COMMAND_LINE_SIZE];
  static struct {
    const struct test *test;
    struct arguments arguments;
  } plan[MOST_TESTS];
  u32 count = 0;

  mount("proc", "/proc");
  mount("sysfs", "/sys");
  mount("devtmpfs", "/dev");
  read_command_line();
  if (!setting("vgic.test=", words)) fail("the command line has no vgic.test=");
  /* All words first: a mistake in the last is told before the first has run. */
  for (char *rest = words; rest;) {
    char *text = cut(&rest, ',');
    char *word = cut(&text, ':');
    const struct ending *is_ending = find_ending(word);
    if (is_ending && !text && !rest) {
      ending = is_ending;
      break;
    }
    const struct test *test = find_test(word);
    if (!test) fail("%s is no test", word);
    if (count == MOST_TESTS) fail("more than %u tests", (u64)MOST_TESTS);
    plan[count].test = test;
    for (u32 i = 0; i < MOST_ARGUMENTS; i++) plan[count].arguments.text[i] = text ? cut(&text, ':') : "";
    if (text) fail("%s has more than %u arguments", word, (u64)MOST_ARGUMENTS);
    count++;
  }
  for (u32 i = 0; i < count; i++) run(plan[i].test, &plan[i].arguments);
  say("PASS");
  end();
}
